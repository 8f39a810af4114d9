#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"
#include "common/result.hpp"

namespace millrace::node::rpc {

/// What the server needs of the blob store: files by their id, moved in pieces, never whole in
/// memory.
class BlobPort {
  public:
    /// An upload under way; destroyed without `finish`, it leaves nothing behind.
    class Upload {
      public:
        virtual ~Upload() = default;
        [[nodiscard]] virtual Status<> write(ByteView piece) = 0;
        /// The file's id in hexadecimal, once it is durable.
        [[nodiscard]] virtual Result<std::string> finish() = 0;
    };
    struct Download {
        std::string path;
        std::uint64_t size = 0;
    };
    virtual ~BlobPort() = default;
    [[nodiscard]] virtual Result<std::unique_ptr<Upload>> upload(std::uint64_t size) = 0;
    /// None when the store does not hold it.
    [[nodiscard]] virtual std::optional<Download> find(std::string_view id_hex) = 0;
};

}  // namespace millrace::node::rpc
