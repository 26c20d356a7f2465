"""Convolution, pooling and batch normalisation once more, slowly: as lists of single products, cell by cell.

Nothing here knows a padded array, a strided view or a matrix product. An axis outside of which a window reaches
is a comparison of indices, and a gradient is the same list of products read the other way round.
"""

import math
from itertools import product

import numpy as np


def border(n, window, stride, padding, dilation=1):
    """Cells to add before and after: the smallest border that lets as many windows start as the rule asks for."""
    span = (window - 1) * dilation + 1
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return span - 1, 0
    wanted, total = len(range(0, n, stride)), 0
    while len(range(0, n + total - span + 1, stride)) < wanted:
        total += 1
    return math.floor(total / 2), math.ceil(total / 2)


def starts(n, window, stride, padding, dilation=1):
    """Where on an axis of `n` cells each window begins; negative where it begins in the border."""
    before, after = border(n, window, stride, padding, dilation)
    return [at - before for at in range(0, n + before + after - (window - 1) * dilation, stride)]


def conv2d_terms(x_shape, w_shape, strides=(1, 1), padding="valid", dilation=(1, 1), groups=1):
    """The size of y, and (index in y, index in x, index in w) of every product in a convolution."""
    n_images, height, width, _ = x_shape
    kh, kw, seen, filters = w_shape
    rows = starts(height, kh, strides[0], padding, dilation[0])
    columns = starts(width, kw, strides[1], padding, dilation[1])
    terms = []
    for n, (i, top), (j, left), f in product(
        range(n_images), enumerate(rows), enumerate(columns), range(filters)
    ):
        first = f // (filters // groups) * seen  # the first channel that this filter's group sees
        for k, m, c in product(range(kh), range(kw), range(seen)):
            h, w = top + k * dilation[0], left + m * dilation[1]
            if 0 <= h < height and 0 <= w < width:
                terms.append(((n, i, j, f), (n, h, w, first + c), (k, m, c, f)))
    return (n_images, len(rows), len(columns), filters), terms


def conv2d(x, w, b=None, **options):
    """y of a convolution."""
    size, terms = conv2d_terms(x.shape, w.shape, **options)
    y = np.zeros(size)
    for at_y, at_x, at_w in terms:
        y[at_y] += x[at_x] * w[at_w]
    return y if b is None else y + np.array([float(v) for v in b])


def conv2d_gradients(dy, x, w, **options):
    """dx, dw, db of a convolution."""
    _, terms = conv2d_terms(x.shape, w.shape, **options)
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(w.shape[3])
    for at_y, at_x, at_w in terms:
        dx[at_x] += dy[at_y] * w[at_w]
        dw[at_w] += dy[at_y] * x[at_x]
    for at_y in np.ndindex(dy.shape):
        db[at_y[3]] += dy[at_y]
    return dx, dw, db


def windows(x_shape, pool, strides, padding):
    """The size of y, and for each cell of y the cells of x in its window, in reading order."""
    n_images, height, width, channels = x_shape
    rows, columns = (starts(n, k, s, padding) for n, k, s in zip((height, width), pool, strides, strict=True))
    found = {}
    for n, (i, top), (j, left), c in product(
        range(n_images), enumerate(rows), enumerate(columns), range(channels)
    ):
        inside = product(range(top, top + pool[0]), range(left, left + pool[1]))
        found[n, i, j, c] = [(n, h, w, c) for h, w in inside if 0 <= h < height and 0 <= w < width]
    return (n_images, len(rows), len(columns), channels), found


def max_pool2d(x, dy=None, *, pool, strides, padding):
    """y of max pooling, or dx where dy is given: all of it to the first of the largest."""
    size, found = windows(x.shape, pool, strides, padding)
    y, dx = np.zeros(size), np.zeros(x.shape)
    for at, cells in found.items():
        winner = max(cells, key=lambda cell: x[cell])  # the first, if several are largest
        y[at] = x[winner]
        dx[winner] += 0 if dy is None else dy[at]
    return y if dy is None else dx


def average_pool2d(x, dy=None, *, pool, strides, padding):
    """y of average pooling, or dx where dy is given."""
    size, found = windows(x.shape, pool, strides, padding)
    y, dx = np.zeros(size), np.zeros(x.shape)
    for at, cells in found.items():
        y[at] = math.fsum(x[cell] for cell in cells) / len(cells)
        for cell in cells:
            dx[cell] += 0 if dy is None else dy[at] / len(cells)
    return y if dy is None else dx


def dense(x, w, b=None):
    """y[..., u] = b[u] + the sum over i of x[..., i]·w[i, u]."""
    y = np.zeros((*x.shape[:-1], w.shape[1]))
    for at in np.ndindex(y.shape):
        y[at] = math.fsum(x[(*at[:-1], i)] * w[i, at[-1]] for i in range(w.shape[0]))
        y[at] += 0 if b is None else b[at[-1]]
    return y


def dense_gradients(dy, x, w):
    """dx, dw, db of `dense`."""
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(w.shape[1])
    for at in np.ndindex(dy.shape):
        db[at[-1]] += dy[at]
        for i in range(w.shape[0]):
            dx[(*at[:-1], i)] += dy[at] * w[i, at[-1]]
            dw[i, at[-1]] += dy[at] * x[(*at[:-1], i)]
    return dx, dw, db


def batch_norm(x, gamma=None, beta=None, dy=None, *, axis, epsilon):
    """y, means and variances feature by feature; or dx, dgamma, dbeta, from the Jacobian written out in full.

    d x̂[i] / d x[j] = (1 if i = j else 0 − 1/n − x̂[i]·x̂[j]/n) / √(variance + epsilon)
    """
    features = x.shape[axis]
    rows = np.moveaxis(x, axis, 0).reshape(features, -1).astype(np.float64)
    dy_rows = np.zeros(rows.shape) if dy is None else np.moveaxis(dy, axis, 0).reshape(features, -1)
    n = rows.shape[1]
    y, dx = np.zeros(rows.shape), np.zeros(rows.shape)
    means, variances, d_gamma, d_beta = (np.zeros(features) for _ in range(4))
    for c in range(features):
        means[c] = math.fsum(rows[c]) / n if n else 0
        variances[c] = math.fsum((v - means[c]) ** 2 for v in rows[c]) / n if n else 0
        deviation = math.sqrt(variances[c] + epsilon)
        hat = (rows[c] - means[c]) / deviation
        scale = 1.0 if gamma is None else float(gamma[c])
        y[c] = scale * hat + (0.0 if beta is None else float(beta[c]))
        jacobian = (np.eye(n) - 1 / max(n, 1) - np.outer(hat, hat) / max(n, 1)) / deviation
        dx[c] = scale * (dy_rows[c] @ jacobian)
        d_gamma[c], d_beta[c] = math.fsum(dy_rows[c] * hat), math.fsum(dy_rows[c])
    back = [features, *(n for a, n in enumerate(x.shape) if a != axis % x.ndim)]
    if dy is not None:
        return np.moveaxis(dx.reshape(back), 0, axis), d_gamma, d_beta
    return np.moveaxis(y.reshape(back), 0, axis), means, variances
