"""Pure functions on strings: Unicode classes, skeletons, canonical form, display."""
