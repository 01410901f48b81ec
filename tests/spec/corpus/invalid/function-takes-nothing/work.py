async def soon(x):
    return x


def none():
    return 1


def one(x):
    return x


def by_place(x, /):
    return x


def two(x, y):
    return x
