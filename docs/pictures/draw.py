#!/usr/bin/env python3
"""Draws the sequence pictures of the manual from their texts.

    docs/pictures/draw.py            writes every picture anew
    docs/pictures/draw.py --check    fails if one is not what its text says

A text is a line for the actors and a line for each step:

    actors: Browser | Your server | KeyLockr
    Browser -> Your server: POST /login/start        an arrow
    Browser --> Your server: 201, the code           a dashed one: an answer
    Your server: makes keys                          what an actor does by itself
    -- the phone approves --                         a new chapter
"""

import pathlib
import sys
from xml.sax.saxutils import escape

HERE = pathlib.Path(__file__).parent
COLUMN, MARGIN, STEP, TOP = 215, 95, 40, 72

STYLE = """
  svg { color-scheme: light dark; background: #fff; }
  text { font: 13px system-ui, sans-serif; fill: #1f2430; }
  .actor { font-weight: 600; text-anchor: middle; }
  .words { text-anchor: middle; }
  .chapter { font-weight: 600; fill: #5b6275; text-anchor: middle; }
  .head { fill: #eef1f8; stroke: #9aa3b8; }
  .life { stroke: #c3c9d8; }
  .arrow { stroke: #3552c4; fill: none; }
  .answer { stroke-dasharray: 5 4; }
  .tip { fill: #3552c4; }
  .note { fill: #fff8e1; stroke: #d9c27a; }
  .rule { stroke: #c3c9d8; stroke-dasharray: 2 4; }
  .plate { fill: #fff; }
  @media (prefers-color-scheme: dark) {
    svg, .plate { background: #14171f; fill: #14171f; }
    text { fill: #e6e9f2; }
    .chapter { fill: #a3abc0; }
    .head { fill: #222839; stroke: #5a647c; }
    .life, .rule { stroke: #3b4358; }
    .arrow { stroke: #8fa4ff; }
    .tip { fill: #8fa4ff; }
    .note { fill: #2b2718; stroke: #6e6130; }
  }
"""


def width_of(text):
    return 7.0 * len(text) + 14


def draw(text):
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert lines[0].startswith("actors:"), "the first line names the actors"
    actors = [name.strip() for name in lines[0].removeprefix("actors:").split("|")]
    at = {name: MARGIN + index * COLUMN for index, name in enumerate(actors)}
    width = 2 * MARGIN + (len(actors) - 1) * COLUMN
    body, y = [], TOP
    for line in lines[1:]:
        y += STEP
        if line.startswith("-- "):
            words = line.strip("- ")
            wide = width_of(words)
            body.append(f'<line class="rule" x1="10" y1="{y - 4}" x2="{width - 10}" y2="{y - 4}"/>')
            body.append(f'<rect class="plate" x="{width / 2 - wide / 2}" y="{y - 16}" width="{wide}" height="22"/>')
            body.append(f'<text class="chapter" x="{width / 2}" y="{y}">{escape(words)}</text>')
            continue
        who, _, words = line.partition(": ")
        kind = next((arrow for arrow in (" --> ", " -> ") if arrow in who), None)
        if kind is None:
            x, wide = at[who], width_of(words)
            x = min(max(x, wide / 2 + 4), width - wide / 2 - 4)
            body.append(f'<rect class="note" x="{x - wide / 2}" y="{y - 18}" width="{wide}" height="26" rx="5"/>')
            body.append(f'<text class="words" x="{x}" y="{y}">{escape(words)}</text>')
            continue
        start, end = (at[name] for name in who.split(kind))
        tip = end - 7 if end > start else end + 7
        css = "arrow answer" if kind == " --> " else "arrow"
        wide, middle = width_of(words), (start + end) / 2
        body.append(f'<line class="{css}" x1="{start}" y1="{y}" x2="{tip}" y2="{y}"/>')
        body.append(f'<path class="tip" d="M{end} {y}L{tip} {y - 4}L{tip} {y + 4}Z"/>')
        middle = min(max(middle, wide / 2 + 4), width - wide / 2 - 4)
        body.append(f'<rect class="plate" x="{middle - wide / 2}" y="{y - 20}" width="{wide}" height="16"/>')
        body.append(f'<text class="words" x="{middle}" y="{y - 7}">{escape(words)}</text>')
    height = y + 30
    heads = []
    for name, x in at.items():
        heads.append(f'<line class="life" x1="{x}" y1="60" x2="{x}" y2="{height - 14}"/>')
        heads.append(f'<rect class="head" x="{x - 80}" y="22" width="160" height="38" rx="8"/>')
        heads.append(f'<text class="actor" x="{x}" y="46">{escape(name)}</text>')
    title = escape(", ".join(actors))
    inside = "\n".join(heads + body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="Sequence: {title}">\n'
        f"<style>{STYLE}</style>\n{inside}\n</svg>\n"
    )


def main():
    stale = []
    for source in sorted(HERE.glob("*.txt")):
        picture = source.with_suffix(".svg")
        drawn = draw(source.read_text(encoding="utf-8"))
        if "--check" in sys.argv:
            if not picture.exists() or picture.read_text(encoding="utf-8") != drawn:
                stale.append(picture.name)
        else:
            picture.write_text(drawn, encoding="utf-8")
    if stale:
        sys.exit(f"not what their texts say: {', '.join(stale)}; run docs/pictures/draw.py")


main()
