"""Models that torch can export and Genie refuses by name."""

import torch


def changes_its_input(world):
    """A module that works in place on what its caller passes in."""
    class Changes(torch.nn.Module):
        def forward(self, x):
            x.add_(1)
            return x * 2

    return world.show_export(Changes(), torch.zeros(3), plain=True)


def while_loop(world):
    """A loop of unknown length."""
    from torch._higher_order_ops.while_loop import while_loop as loop

    class Loop(torch.nn.Module):
        def forward(self, x):
            return loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (torch.tensor(0), x))[1]

    return world.show_export(Loop(), torch.zeros(3), plain=True)


def fake_weights(world):
    """A model that was exported without its values."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        module = torch.nn.Linear(2, 2)
        program = torch.export.export(module.eval(), (torch.zeros(1, 2),))
    torch.export.save(program, world.path("model.pt2"))
    return world.show()


def custom_in_place_operator(world):
    """An operator of the user's own that writes to its argument."""
    library = torch.library.Library("golden_case", "DEF")
    library.define("scale_(Tensor(a!) x, float by) -> Tensor(a!)")
    library.impl("scale_", lambda x, by: x.mul_(by), "CompositeExplicitAutograd")
    library.impl("scale_", lambda x, by: x, "Meta")

    class Scales(torch.nn.Module):
        def forward(self, x):
            return torch.ops.golden_case.scale_(x.clone(), 2.0)

    try:
        return world.show_export(Scales(), torch.zeros(3), plain=True)
    finally:
        library._destroy()


def no_such_method(world):
    """The frontend's option for one model of several names none."""
    world.config["source"]["options"] = {"method": "decode"}
    return world.run()


def unknown_frontend_option(world):
    """A misspelt option of the frontend."""
    world.config["source"]["options"] = {"share_state": False}
    return world.run()


def wrong_frontend_option(world):
    """An option of the frontend with a value of the wrong type."""
    world.config["source"]["options"] = {"share_states": "no"}
    return world.run()
