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
    /// What became of an upload: the file's id in hexadecimal, and how many of its chunks are still
    /// to come; at 0 it is durable.
    struct End {
        std::string id;
        std::uint32_t chunks_missing = 0;
    };
    /// An upload under way; destroyed without `finish`, it leaves nothing behind that is not
    /// verified.
    class Upload {
      public:
        virtual ~Upload() = default;
        [[nodiscard]] virtual Status<> write(ByteView piece) = 0;
        [[nodiscard]] virtual Result<End> finish() = 0;
    };
    struct Download {
        std::string path;
        std::uint64_t size = 0;
    };
    virtual ~BlobPort() = default;
    /// A file whose id its bytes will tell.
    [[nodiscard]] virtual Result<std::unique_ptr<Upload>> upload(std::uint64_t size) = 0;
    /// Bytes `[offset, offset + size)` of an announced file of `total` bytes.
    [[nodiscard]] virtual Result<std::unique_ptr<Upload>> part(std::string_view id_hex,
                                                               std::uint64_t offset,
                                                               std::uint64_t size,
                                                               std::uint64_t total) = 0;
    /// None when the store does not hold it.
    [[nodiscard]] virtual std::optional<Download> find(std::string_view id_hex) = 0;
};

}  // namespace millrace::node::rpc
