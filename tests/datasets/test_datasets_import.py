"""What importing the data folder costs."""

import subprocess
import sys


def test_importing_the_loaders_and_text_metrics_loads_no_tensorflow():
    code = (
        "import sys, seqzoo.datasets, seqzoo.metrics.text; "
        "print({'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules))"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert printed.stdout.decode().strip() == "set()"
