"""The vault port: case keys, the one store that several services reach, and its engine."""
