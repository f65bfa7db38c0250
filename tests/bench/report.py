"""Aims, and lines of tables."""


def at_least(what, value, limit):
    return {"what": what, "value": value, "aim": f">= {limit:,}", "met": value >= limit}


def under(what, value, limit):
    return {"what": what, "value": value, "aim": f"< {limit:,}", "met": value < limit}


def heading(title, *columns):
    print(f"\n{title:32}" + "".join(f"{column:>13}" for column in columns))


def line(label, *figures):
    """Figures with as many digits as they are worth; text as it is."""
    print(f"  {label:30}" + "".join(f"{_shown(figure):>13}" for figure in figures))


def show_aims(rows):
    heading("aims", "measured", "aim", "")
    for row in rows:
        line(row["what"], row["value"], row["aim"], "met" if row["met"] else "MISSED")


def _shown(figure):
    if figure is None:
        return "-"
    if isinstance(figure, (str, int)):
        return f"{figure:,}" if isinstance(figure, int) else figure
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:,.2f}"
