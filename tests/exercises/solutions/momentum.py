def momentum_step(w, a, g, learning_rate, momentum, nesterov=False):
    a = momentum * a + g
    return w - learning_rate * (g + momentum * a if nesterov else a), a
