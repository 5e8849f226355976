"""A small parameterNodeWrapper: typed properties over a real vtkMRMLScriptedModuleNode, bound to
widgets by SlicerParameterName."""

from __future__ import annotations

import enum
import json
import typing
from dataclasses import dataclass
from typing import Any

import vtk

from .pythonqt import CLASSES


@dataclass(frozen=True)
class WithinRange:
    """Allowed range, ends included."""

    minimum: float
    maximum: float


def _isNode(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, vtk.vtkObject)


class _Parameter:
    """One property: how it is written into the node and read back."""

    def __init__(self, name: str, kind: Any, default: Any) -> None:
        self.name = name
        self.limits = next(
            (note for note in getattr(kind, "__metadata__", ()) if isinstance(note, WithinRange)),
            None,
        )
        self.kind = typing.get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
        self.default = default

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        node = owner.parameterNode
        if _isNode(self.kind):
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        if not text:
            return self.default
        if isinstance(self.kind, type) and issubclass(self.kind, enum.Enum):
            return self.kind[text]
        return json.loads(text)

    def __set__(self, owner: Any, value: Any) -> None:
        node = owner.parameterNode
        if _isNode(self.kind):
            if value is not None and not isinstance(value, self.kind):
                raise ValueError(
                    f"{self.name} takes {self.kind.__name__}, not {value.GetClassName()}"
                )
            if node.GetNodeReference(self.name) is not value:
                node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
            return
        if isinstance(self.kind, type) and issubclass(self.kind, enum.Enum):
            node.SetParameter(self.name, self.kind(value).name)
            return
        plain = typing.get_origin(self.kind) or self.kind
        if type(value) is not plain:
            raise ValueError(f"{self.name} takes {plain.__name__}, not {value!r}")
        if self.limits and not self.limits.minimum <= value <= self.limits.maximum:
            raise ValueError(
                f"{self.name} must be within {self.limits.minimum}..{self.limits.maximum}, not "
                f"{value}"
            )
        node.SetParameter(self.name, json.dumps(value))


class _Binding:
    """A widget that shows a parameter: how to read and write it, and its signal."""

    def __init__(self, widget: Any, parameter: _Parameter) -> None:
        self.widget, self.parameter = widget, parameter
        kind = type(widget)
        isEnum = isinstance(parameter.kind, type) and issubclass(parameter.kind, enum.Enum)
        if kind is CLASSES["QComboBox"] and isEnum:
            self.choices = list(parameter.kind)
            widget.clear()
            widget.addItems([choice.label() for choice in self.choices])
            self.read = lambda: self.choices[widget.currentIndex]
            self.write = lambda value: widget.setCurrentIndex(self.choices.index(value))
            self.signal = widget.currentIndexChanged
        elif kind is CLASSES["QSpinBox"] and parameter.kind is int:
            self.read, self.write, self.signal = (
                lambda: widget.value,
                widget.setValue,
                widget.valueChanged,
            )
        elif kind is CLASSES["QCheckBox"] and parameter.kind is bool:
            self.read, self.write, self.signal = (
                lambda: widget.checked,
                widget.setChecked,
                widget.toggled,
            )
        elif kind is CLASSES["QLineEdit"] and parameter.kind is str:
            self.read, self.signal = lambda: widget.text, widget.textChanged
            self.write = lambda value: widget.setText(value) if widget.text != value else None
        elif kind is CLASSES["qMRMLNodeComboBox"] and _isNode(parameter.kind):
            self.read, self.write, self.signal = (
                widget.currentNode,
                widget.setCurrentNode,
                widget.currentNodeChanged,
            )
        else:
            raise TypeError(
                f"No connector between {kind.__name__} and {parameter.kind} of {parameter.name}"
            )


class _Wrapper:
    """What the decorator adds to a class of parameters."""

    allParameters: dict[str, _Parameter]

    def __init__(self, parameterNode: Any) -> None:
        self.parameterNode = parameterNode
        self._guis: dict[int, tuple[list[tuple[_Binding, Any]], int]] = {}
        self._updating = False

    def connectGui(self, gui: Any) -> int:
        """Bind every widget that carries a SlicerParameterName."""
        bindings = []
        for widget in vars(gui).values():
            name = widget.property("SlicerParameterName")
            if not name:
                continue
            if name not in self.allParameters:
                raise ValueError(f"Cannot find a param with the given name: {name}")
            binding = _Binding(widget, self.allParameters[name])
            binding.write(getattr(self, name))
            slot = self._slot(binding)
            binding.signal.connect(slot)
            bindings.append((binding, slot))
        tag = len(self._guis) + 1
        self._guis[tag] = (
            bindings,
            self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._update()),
        )
        return tag

    def disconnectGui(self, tag: int) -> None:
        """Undo connectGui."""
        bindings, observer = self._guis.pop(tag)
        self.RemoveObserver(observer)
        for binding, slot in bindings:
            binding.signal.disconnect(slot)

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        """On the node."""
        return int(self.parameterNode.AddObserver(event, callback, priority))

    def RemoveObserver(self, tag: int) -> None:
        """From the node."""
        self.parameterNode.RemoveObserver(tag)

    def _slot(self, binding: _Binding) -> Any:
        def changed(*_: Any) -> None:
            if not self._updating:
                setattr(self, binding.parameter.name, binding.read())

        return changed

    def _update(self) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for bindings, _ in list(self._guis.values()):
                for binding, _ in bindings:
                    binding.write(getattr(self, binding.parameter.name))
        finally:
            self._updating = False


def parameterNodeWrapper(kind: type) -> type:
    """Turn the annotated class into a wrapper around a parameter node."""
    hints = typing.get_type_hints(kind, include_extras=True)
    parameters = {
        name: _Parameter(name, hint, getattr(kind, name, None)) for name, hint in hints.items()
    }
    rest = {
        name: value
        for name, value in vars(kind).items()
        if name not in (*hints, "__dict__", "__weakref__", "__annotations__")
    }
    return type(kind.__name__, (_Wrapper,), {**rest, **parameters, "allParameters": parameters})
