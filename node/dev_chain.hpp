#pragma once

#include <filesystem>

#include "market/genesis.hpp"
#include "node/keys.hpp"
#include "node/provider/loop.hpp"
#include "node/settings.hpp"

namespace millrace::node {

/// The genesis of a chain of one validator, this node: short times, a faucet, and money for the
/// node's own provider account. Written to `path` at the first start and read from there after.
[[nodiscard]] Result<market::Genesis> load_or_make_dev_genesis(const std::filesystem::path& path,
                                                               const NodeKeys& keys);

/// Bytes that all running tasks together may have: as given, or half of this machine's.
[[nodiscard]] std::uint64_t memory_for_tasks(const Settings& settings);
/// What this machine offers under its owner's settings: cores and memory as given, or as found.
[[nodiscard]] Offer make_offer(const Settings& settings);

}  // namespace millrace::node
