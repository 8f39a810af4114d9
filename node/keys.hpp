#pragma once

#include <filesystem>

#include "common/account_key.hpp"
#include "common/ed25519.hpp"
#include "common/result.hpp"
#include "common/vrf.hpp"

namespace millrace::node {

/// The node's own secrets, one file of 32 hexadecimal bytes each under `keys/`, mode 0600: hot keys
/// that a daemon must use unattended. None of them can withdraw stake unless the owner's key is one
/// of them, as in `--dev`.
struct NodeKeys {
    Ed25519Secret vote;
    VrfSecret vrf;
    /// Names this node to its peers.
    Ed25519Secret peer;
    AccountSecret provider;
    VrfSecret provider_vrf;
};

/// Loads the keys of `folder`, making those that are missing. Refuses files that others may read.
[[nodiscard]] Result<NodeKeys> load_or_make_keys(const std::filesystem::path& folder);

}  // namespace millrace::node
