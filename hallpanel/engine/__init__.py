"""How the hall's records live: declaration, workflow, scope, audit, deadlines. Knows no chapter and no request."""
