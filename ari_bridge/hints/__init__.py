"""Hints: decides what to tell the operator, and when to be silent.

Pure cores (`stems`, `matcher`, `policy`, `licence`, `sse`, …) decide; the shells are `engine` (owns the tasks),
`openrouter` (the only HTTP here) and `playbook_file` (the only files here).
"""
