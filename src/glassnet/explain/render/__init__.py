"""Documents for readers: LaTeX, one HTML file, Markdown, plain Unicode text."""

from glassnet.explain.render.html import to_html as to_html
from glassnet.explain.render.latex import to_latex as to_latex
from glassnet.explain.render.markdown import to_markdown as to_markdown
from glassnet.explain.render.mathml import math_html as math_html
from glassnet.explain.render.parse import FormulaError as FormulaError
from glassnet.explain.render.text import to_text as to_text
from glassnet.explain.render.unicode import unicode as unicode
from glassnet.explain.render.writing import FORMATS as FORMATS
from glassnet.explain.render.writing import write as write
