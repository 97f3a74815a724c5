"""Pure: parts of a graph in words for people."""

from registry.inspection.graph import Node, Tensor


def name_of(node: Node) -> str:
    """'Gemm', or 'com.microsoft.Gelu' of a domain that is not ONNX's own."""
    return f"{node.domain}.{node.op}" if node.domain else node.op


def shape_of(tensor: Tensor) -> str:
    """'FP32 [batch, 4]'; '?' for a size that is not known, and nothing of a tensor of which nothing is known."""
    if tensor.shape is None:
        return tensor.datatype
    return f"{tensor.datatype} [{', '.join('?' if size is None else str(size) for size in tensor.shape)}]".strip()


def cut(text: str, letters: int) -> str:
    """At most so many letters, the last of them '…' where some are left out."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
