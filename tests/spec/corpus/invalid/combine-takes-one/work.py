def count(t):
    return len(t)


def add(results):
    return sum(results)
