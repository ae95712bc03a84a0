"""The small functions and modules that a PyTorch program has written above its network."""

HELPERS = {
    "same_padding": '''def same_padding(x, kernel, strides, dilation):
    """The zeros around the spatial axes of x for ⌈n / s⌉ places; an odd rest goes to the end."""
    pads = []
    for n, k, s, d in zip(x.shape[2:], kernel, strides, dilation):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        pads = [total // 2, total - total // 2, *pads]
    return pads''',
    "interpolation": '''def interpolation(n, factor, kernel, dtype):
    """The matrix (factor n, n) that reads new cells off between the old, by their distances."""
    places = (torch.arange(n * factor, dtype=torch.float64) + 0.5) / factor - 0.5
    h = kernel(places[:, None] - torch.arange(n))
    return (h / h.sum(dim=1, keepdim=True)).to(dtype)''',
    "bilinear": """def bilinear(t):
    return (1 - t.abs()).clamp(min=0)""",
    "bicubic": '''def bicubic(t):
    """The kernel of R. Keys (1981) with a = -1/2."""
    t = t.abs()
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return torch.where(t < 1, near, torch.where(t < 2, far, 0))''',
    "lanczos3": """def lanczos3(t):
    return torch.where(t.abs() < 3, torch.sinc(t) * torch.sinc(t / 3), 0)""",
    "lanczos5": """def lanczos5(t):
    return torch.where(t.abs() < 5, torch.sinc(t) * torch.sinc(t / 5), 0)""",
    "normalized": '''def normalized(x, dims, eps):
    """Each example with mean 0 and variance 1 over these axes."""
    variance, mean = torch.var_mean(x, dim=dims, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + eps)''',
    "GaussianNoise": '''class GaussianNoise(nn.Module):
    """Adds normal noise while the network trains."""

    def __init__(self, stddev):
        super().__init__()
        self.stddev = stddev

    def forward(self, x):
        return x + self.stddev * torch.randn_like(x) if self.training else x''',
    "GaussianDropout": '''class GaussianDropout(nn.Module):
    """Multiplies by normal factors of mean 1 while the network trains."""

    def __init__(self, rate):
        super().__init__()
        self.stddev = (rate / (1 - rate)) ** 0.5

    def forward(self, x):
        return x * (1 + self.stddev * torch.randn_like(x)) if self.training else x''',
    "SharedDropout": '''class SharedDropout(nn.Module):
    """Dropout whose draws are shared along the axes where noise_shape is 1."""

    def __init__(self, rate, noise_shape):
        super().__init__()
        self.rate, self.noise_shape = rate, noise_shape

    def forward(self, x):
        shape = [given or size for given, size in zip(self.noise_shape, x.shape)]
        return x * F.dropout(x.new_ones(shape), self.rate, self.training)''',
    "SharedAlphaDropout": '''class SharedAlphaDropout(nn.Module):
    """AlphaDropout whose draws are shared along the axes where noise_shape is 1."""

    def __init__(self, rate, noise_shape):
        super().__init__()
        self.rate, self.noise_shape = rate, noise_shape

    def forward(self, x):
        if not self.training:
            return x
        shape = [given or size for given, size in zip(self.noise_shape, x.shape)]
        keep, limit = 1 - self.rate, -1.7580993408473766  # the limit of SELU on the left
        kept = torch.bernoulli(x.new_full(shape, keep))
        scale = (keep * (1 + self.rate * limit**2)) ** -0.5
        return scale * (x * kept + limit * (1 - kept)) - scale * limit * self.rate''',
}
