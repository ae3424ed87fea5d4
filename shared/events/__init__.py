"""The published language: CloudEvents envelopes and one typed payload for each event, a module for each topic."""
