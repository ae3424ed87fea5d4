"""Tests of the referral service, through its aggregate and through HTTP."""
