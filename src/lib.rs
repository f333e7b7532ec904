//! Upgrades Lino sites.
