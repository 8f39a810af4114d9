#pragma once

#include "market/ledger/store.hpp"
#include "market/transaction.hpp"

/// Published programs by the root of their image.
namespace millrace::market {

struct Module {
    BlobRoot blob;
    Address publisher;
    std::uint64_t size = 0;
    std::uint32_t features = 0;
    std::uint16_t protocol_version = 0;
    ActiveTime published;
    ActiveTime end;
    friend bool operator==(const Module&, const Module&) = default;
};
BOOST_DESCRIBE_STRUCT(Module, (),
                      (blob, publisher, size, features, protocol_version, published, end))

[[nodiscard]] inline Key module_key(const ImageRoot& image) {
    return Key(Table::module).add(image);
}

}  // namespace millrace::market
