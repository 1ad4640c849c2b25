import sys
from pathlib import Path

# Test modules are imported by file (importlib mode), so a module they share needs its folder on the path.
sys.path.insert(0, str(Path(__file__).parent))
