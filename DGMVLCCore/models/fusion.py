"""The paper's two ways of letting text steer image features: an affine unit and cross-attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AffineFusion(nn.Module):
    """Text-visual affine unit: per-channel scale and shift from the pooled text, twice (arXiv
    2410.13823, Fig. 2).

    Args:
        text_dim: width of the pooled text vector.
        channels: channels of the image features.

    The unit starts as the identity: what it adds is the difference to the same unit without text.
    """

    def __init__(self, text_dim: int, channels: int) -> None:
        super().__init__()
        last = nn.Linear(channels, 4 * channels)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.to_affine = nn.Sequential(nn.Linear(text_dim, channels), nn.SiLU(), last)

    def forward(self, features: Tensor, pooled: Tensor) -> Tensor:
        """(B,C,H,W) features and (B,T) pooled text -> (B,C,H,W)."""
        gamma1, beta1, gamma2, beta2 = self.to_affine(pooled)[:, :, None, None].chunk(4, dim=1)
        neutral = F.leaky_relu(F.leaky_relu(features, 0.2), 0.2)
        steered = F.leaky_relu(features * (1 + gamma1) + beta1, 0.2)
        steered = F.leaky_relu(steered * (1 + gamma2) + beta2, 0.2)
        return features + steered - neutral


class CrossAttention(nn.Module):
    """Text-visual cross-attention: image cells ask, text tokens answer; one learned null token lets
    a cell ask nothing.

    Args:
        channels: channels of the image features.
        text_dim: width of the token states.
        heads: attention heads.

    The output projection starts at zero, so training starts from the identity. The softmax is
    explicit because
    its values are the attention maps that the reading pass reports.
    """

    def __init__(self, channels: int, text_dim: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(16, channels)
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(text_dim, channels, bias=False)
        self.value = nn.Linear(text_dim, channels, bias=False)
        self.null = nn.Parameter(torch.randn(1, 1, text_dim) * 0.02)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, features: Tensor, tokens: Tensor, token_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(B,C,H,W), tokens (B,L,T), mask (B,L) True where a token is -> features, attention
        (B,H*W,1+L), head mean.

        Column 0 of the attention is the null token.
        """
        b, c, h, w = features.shape
        text = torch.cat([self.null.expand(b, -1, -1).to(tokens.dtype), tokens], dim=1)
        allowed = torch.cat([token_mask.new_ones(b, 1), token_mask], dim=1)

        def split(x: Tensor) -> Tensor:
            return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        q = split(self.query(self.norm(features).flatten(2).transpose(1, 2)))
        k, v = split(self.key(text)), split(self.value(text))
        scores = (q @ k.transpose(-1, -2)).float() * (c // self.heads) ** -0.5
        attention = scores.masked_fill(~allowed[:, None, None], float("-inf")).softmax(-1)
        mixed = (attention.to(v.dtype) @ v).transpose(1, 2).flatten(2)
        return features + self.out(mixed).transpose(1, 2).unflatten(-1, (h, w)), attention.mean(1)


class SelfAttention(nn.Module):
    """Image cells look at one another (coarsest grid only: it costs the square of the cells)."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(16, channels)
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B,C,H,W) -> (B,C,H,W)."""
        h, w = features.shape[-2:]
        qkv = self.qkv(self.norm(features).flatten(2).transpose(1, 2))
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in qkv.chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return features + self.out(mixed).transpose(1, 2).unflatten(-1, (h, w))
