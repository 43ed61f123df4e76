"""Content folders to objects: monitors, their cases, and sets of monitors."""

from cotmon.content._places import PROJECT_FILE, Place, places, project_folder
from cotmon.content._toml import convert, load_toml
from cotmon.content.cases import Case, read_cases
from cotmon.content.datasets import dataset_labels, dataset_logs, is_dataset
from cotmon.content.monitors import Manifest, MonitorFolder, find_monitor, find_monitors
from cotmon.content.project import project_file, store_url
from cotmon.content.sets import Budget, MonitorSet, find_set, find_sets, members

__all__ = [
    "PROJECT_FILE",
    "Budget",
    "Case",
    "Manifest",
    "MonitorFolder",
    "MonitorSet",
    "Place",
    "convert",
    "dataset_labels",
    "dataset_logs",
    "find_monitor",
    "find_monitors",
    "find_set",
    "find_sets",
    "is_dataset",
    "load_toml",
    "members",
    "places",
    "project_file",
    "project_folder",
    "read_cases",
    "store_url",
]
