"""What a type checker sees of `moored`: its doors, which are loaded when they are used."""

from moored.inference.fitting import fit as fit
from moored.notebook import results as results
from moored.notebook import run as run
from moored.reader.etable import etable as etable

__version__: str
