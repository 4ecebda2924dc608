"""Figures as people read them: durations and counts."""


def duration(seconds: float) -> str:
    """340 ms, 4.2 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def count(number: int) -> str:
    """1,234,567."""
    return f"{number:,}"
