"""The words of the trade as frozen data: standard library only, no input or output."""
