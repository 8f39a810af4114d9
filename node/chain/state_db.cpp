#include "node/chain/state_db.hpp"

#include <spdlog/spdlog.h>

#include <cstdlib>

namespace millrace::node {

void stop_on_ledger_fault(const Error& error) {
    constexpr int kExitFault = 6;
    spdlog::critical("{}; stopping", error.message);
    spdlog::shutdown();
    std::_Exit(kExitFault);
}

std::optional<Bytes> DbState::get(ByteView key) const {
    auto value = reader_.get(Column::flat, key);
    if (!value.has_value()) stop_on_ledger_fault(value.error());
    return *std::move(value);
}

std::vector<market::StateEntry> DbState::scan(ByteView prefix, ByteView from,
                                              std::size_t limit) const {
    auto pairs = reader_.scan(Column::flat, prefix, from, limit);
    if (!pairs.has_value()) stop_on_ledger_fault(pairs.error());
    std::vector<market::StateEntry> out;
    out.reserve(pairs->size());
    for (auto& [key, value] : *pairs) out.push_back({std::move(key), std::move(value)});
    return out;
}

std::optional<Bytes> DbPages::get(const MapPageId& id) const {
    auto page = reader_.get(Column::pages, id.key());
    if (!page.has_value()) stop_on_ledger_fault(page.error());
    return *std::move(page);
}

}  // namespace millrace::node
