"""The bus port, its engines, and the consumer runtime that every service shares."""
