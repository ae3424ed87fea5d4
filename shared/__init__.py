"""What any service may use; this package knows no service."""
