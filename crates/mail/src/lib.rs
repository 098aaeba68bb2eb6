//! OpenPGP and CMS messages and mail identities. Empty until the mail issue.
