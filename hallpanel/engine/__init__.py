"""How the hall's records live: declaration, workflow, scope, audit and deadlines.

Knows no chapter of the rule book, no request and no screen.
"""
