#include "vm/wasi/abi.hpp"

#include <algorithm>

namespace millrace::vm {

namespace {

constexpr std::uint8_t kI32 = 0x7f;
constexpr std::uint8_t kI64 = 0x7e;

const HostFunction* find_name(std::string_view name) {
    const auto* row = std::find_if(kHostFunctions.begin(), kHostFunctions.end(),
                                   [&](const HostFunction& f) { return f.name == name; });
    return row == kHostFunctions.end() ? nullptr : row;
}

}  // namespace

std::optional<HostCall> find_import(std::string_view name, ByteView params, ByteView results) {
    const HostFunction* row = find_name(name);
    if (row == nullptr || params.size() != row->params.size()) return std::nullopt;
    for (std::size_t i = 0; i < params.size(); ++i)
        if (params[i] != (row->params[i] == 'i' ? kI32 : kI64)) return std::nullopt;
    if (results.size() != (row->has_result ? 1U : 0U)) return std::nullopt;
    if (row->has_result && results[0] != kI32) return std::nullopt;
    return row->call;
}

ImportRefusal import_refusal(std::string_view name) {
    return find_name(name) == nullptr ? ImportRefusal::unknown_name
                                      : ImportRefusal::wrong_signature;
}

}  // namespace millrace::vm
