"""The words of the trade as frozen data: the standard library and msgspec only, no input or output."""
