def f(t, *, n, m=2):
    return n
