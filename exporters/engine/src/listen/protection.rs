//! Access control by the web configuration, and whether a changed file would lose it.

/// Access control in effect, and what the file says about it explicitly.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Protection {
    pub(super) basic_auth: bool,
    /// `basic_auth_users: {}`, which disables it explicitly.
    pub(super) basic_auth_is_off: bool,
    pub(super) tls: TlsProtection,
}

/// What TLS adds to it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TlsProtection {
    pub(super) on: bool,
    /// Clients must have a certificate.
    pub(super) client_certificates: bool,
    /// Their certificates are verified if they have one.
    pub(super) verified: bool,
    /// Their certificates must bear certain names.
    pub(super) names: bool,
    /// The file names a `client_auth_type`.
    pub(super) client_auth_is_said: bool,
}

impl Protection {
    /// What `new` would disable without saying so, for example a file that was emptied or is being written.
    pub(super) fn lost_in(&self, new: &Self) -> Option<&'static str> {
        let (old_tls, new_tls) = (self.tls, new.tls);
        let is_said = new_tls.client_auth_is_said;
        let lost = [
            ("TLS", old_tls.on && !new_tls.on),
            ("basic authentication", self.basic_auth && !new.basic_auth && !new.basic_auth_is_off),
            ("client certificates", old_tls.client_certificates && !new_tls.client_certificates && !is_said),
            ("verification of client certificates", old_tls.verified && !new_tls.verified && !is_said),
            // Where certificates are no longer mandatory, as the file says, there can be none.
            ("client_allowed_sans", old_tls.names && !new_tls.names && (new_tls.client_certificates || !is_said)),
        ];
        lost.into_iter().find(|(_, is_lost)| *is_lost).map(|(what, _)| what)
    }
}
