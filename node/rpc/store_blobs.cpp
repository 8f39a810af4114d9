#include "node/rpc/store_blobs.hpp"

#include "node/blobs/arrival.hpp"

namespace millrace::node::rpc {

namespace {

std::optional<BlobId> parse_id(std::string_view hex) {
    const auto raw = from_hex(hex);
    return raw ? BlobId::from(*raw) : std::nullopt;
}

class WholeUpload final : public BlobPort::Upload {
  public:
    explicit WholeUpload(std::unique_ptr<BlobStore::Upload> inner) : inner_(std::move(inner)) {}
    Status<> write(ByteView piece) override { return inner_->write(piece); }
    Result<BlobPort::End> finish() override {
        MILLRACE_TRY(const BlobId id, inner_->finish());
        return BlobPort::End{to_hex(id.view()), 0};
    }

  private:
    std::unique_ptr<BlobStore::Upload> inner_;
};

class PartUpload final : public BlobPort::Upload {
  public:
    PartUpload(std::string id, std::unique_ptr<BlobStore::Part> inner)
        : id_(std::move(id)), inner_(std::move(inner)) {}
    Status<> write(ByteView piece) override { return inner_->write(piece); }
    Result<BlobPort::End> finish() override {
        MILLRACE_TRY(const std::uint32_t missing, inner_->finish());
        return BlobPort::End{id_, missing};
    }

  private:
    std::string id_;
    std::unique_ptr<BlobStore::Part> inner_;
};

}  // namespace

Result<std::unique_ptr<BlobPort::Upload>> StoreBlobs::upload(std::uint64_t size) {
    MILLRACE_TRY(std::unique_ptr<BlobStore::Upload> inner, store_.begin(size));
    return std::unique_ptr<Upload>(std::make_unique<WholeUpload>(std::move(inner)));
}

Result<std::unique_ptr<BlobPort::Upload>> StoreBlobs::part(std::string_view id_hex,
                                                           std::uint64_t offset, std::uint64_t size,
                                                           std::uint64_t total) {
    const auto id = parse_id(id_hex);
    if (!id) return Err{Error{kBlobUnknown, "a blob's id is 64 hexadecimal digits"}};
    const BlobStore::State state = store_.state(*id);
    if (state.is_here) return Err{Error{kBlobBusy, "this blob is here already; nothing to send"}};
    if (state.is_arriving && state.size != total)
        return Err{Error{kBlobBadRange, "this blob was announced with " +
                                            std::to_string(state.size) + " bytes, not " +
                                            std::to_string(total)}};
    MILLRACE_TRY(std::unique_ptr<BlobStore::Part> inner, store_.part(*id, offset, size));
    return std::unique_ptr<Upload>(
        std::make_unique<PartUpload>(std::string(id_hex), std::move(inner)));
}

std::optional<BlobPort::Download> StoreBlobs::find(std::string_view id_hex) {
    const auto id = parse_id(id_hex);
    const auto found = id ? store_.find(*id) : std::nullopt;
    if (!found) return std::nullopt;
    return Download{found->path.string(), found->size};
}

}  // namespace millrace::node::rpc
