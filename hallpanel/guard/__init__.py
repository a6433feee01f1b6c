"""Who may come in: accounts, passwords, sign-in sessions and lockout."""
