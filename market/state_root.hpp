#pragma once

#include "common/auth_map.hpp"
#include "market/state.hpp"

/// From the writes of a block to the changes of the authenticated map. Who implements
/// `StateCommitter` needs no more than these two and `update_map`.
namespace millrace::market {

/// Sorted by path, each path once, as `update_map` wants them.
[[nodiscard]] std::vector<MapChange> map_changes(const StateWrites& writes);
/// The same, with many writes hashed in parts.
[[nodiscard]] std::vector<MapChange> map_changes(const StateWrites& writes, Fork& fork);

[[nodiscard]] inline StateRoot to_state_root(const MapRoot& root) {
    return hash_as<StateRoot>(root.hash());
}

}  // namespace millrace::market
