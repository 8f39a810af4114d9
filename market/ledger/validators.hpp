#pragma once

#include "market/genesis.hpp"
#include "market/ledger/store.hpp"

/// The validator set of the running epoch. It changes only with an epoch; its rules are a later
/// part, so every epoch has the founding set.
namespace millrace::market {

[[nodiscard]] inline Key validator_key(std::uint16_t index) {
    return Key(Table::validator).add_number(index);
}
/// The newest version that a validator's blocks of this epoch signalled.
[[nodiscard]] inline Key version_signal_key(std::uint16_t index) {
    return Key(Table::version_signal).add_number(index);
}
[[nodiscard]] std::vector<GenesisValidator> load_validators(const StateReader& state);

}  // namespace millrace::market
