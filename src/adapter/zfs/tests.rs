//! ZFS plans on a scripted host.
