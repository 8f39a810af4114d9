#pragma once

#include "node/blobs/store.hpp"
#include "node/rpc/blob_port.hpp"

namespace millrace::node::rpc {

/// The node's blob store as the HTTP server sees it.
class StoreBlobs final : public BlobPort {
  public:
    explicit StoreBlobs(BlobStore& store) : store_(store) {}
    [[nodiscard]] Result<std::unique_ptr<Upload>> upload(std::uint64_t size) override;
    [[nodiscard]] Result<std::unique_ptr<Upload>> part(std::string_view id_hex,
                                                       std::uint64_t offset, std::uint64_t size,
                                                       std::uint64_t total) override;
    [[nodiscard]] std::optional<Download> find(std::string_view id_hex) override;

  private:
    BlobStore& store_;
};

}  // namespace millrace::node::rpc
