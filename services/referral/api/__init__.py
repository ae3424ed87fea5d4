"""The HTTP surface: referrals for prescribers, their commands for both sides, a venue's own view, cases."""

from services.referral.api import cases, commands, referrals, venue_referrals

ROUTERS = (referrals.router, commands.router, venue_referrals.router, cases.router)
