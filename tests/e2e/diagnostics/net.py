"""The model of every case. Its lines are quoted in golden texts: a change here shifts them."""

import torch


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.up = torch.nn.Linear(8, 16)
        self.down = torch.nn.Linear(16, 8)

    def forward(self, x):
        return self.down(torch.relu(self.up(x)))


class Net(torch.nn.Module):
    """A table of tokens, two blocks and a state: floats and integers in, a dictionary out."""

    def __init__(self):
        super().__init__()
        self.tokens = torch.nn.Embedding(10, 8)
        self.block = torch.nn.ModuleList(Block() for _ in range(2))
        self.register_buffer("calls", torch.zeros(1))
        with torch.no_grad():
            for number, parameter in enumerate(self.parameters()):
                # Multiples of a quarter: every order of adding them gives the same bits.
                parameter.copy_(((torch.arange(parameter.numel()) + number) % 7 - 3).reshape(parameter.shape) / 4)

    def forward(self, x, ids):
        self.calls.add_(1)
        y = x + self.tokens(ids)
        for block in self.block:
            y = block(y)
        return {"y": y}
