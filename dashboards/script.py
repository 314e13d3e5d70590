"""What Streamlit runs for each visit and each answer of a reader: short, as it is run whole."""

from dashboards.app import run

run()
