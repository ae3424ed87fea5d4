"""Referral: carries a person from a prescriber to a venue and back with a result.

Owns referrals, cases, the journal of who read what of a person, and a read model of venues. Personal parts are sealed
under the case key; nothing leaves without the person's agreement.

Publishes on `relais.referrals` (`ReferralCreated`, then one event for each transition) and on `relais.cases`
(`CaseErasing`, `CaseErased`). Consumes `VenueSnapshot`, and its own case events.
"""
