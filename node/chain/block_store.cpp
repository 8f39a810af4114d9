#include "node/chain/block_store.hpp"

namespace millrace::node {

namespace {

constexpr int kErrorCorrupt = 2;
constexpr std::string_view kHeadKey = "head";
constexpr std::string_view kHistorySinceKey = "history_since";
constexpr std::uint8_t kTxIndex = 1;
constexpr std::uint8_t kHashIndex = 2;
constexpr std::uint8_t kHandovers = 3;

Bytes height_key(Height height) {
    Bytes key(8);
    // Big-endian: byte order is chain order.
    for (std::size_t i = 0; i < 8; ++i)
        key[i] = static_cast<std::uint8_t>(height.value >> (8 * (7 - i)));
    return key;
}

Bytes index_key(std::uint8_t kind, ByteView hash) {
    Bytes key{kind};
    key.insert(key.end(), hash.begin(), hash.end());
    return key;
}

Bytes handover_key(Epoch epoch) {
    return index_key(kHandovers, height_key(Height{epoch.value}));
}

Error damaged(const char* what) {
    return {kErrorCorrupt, std::string("the ledger's ") + what +
                               " is damaged; restore the data folder or join anew"};
}

template <class T>
Result<std::optional<T>> read(const DbReader& reader, Column column, ByteView key,
                              const char* what) {
    MILLRACE_TRY(const std::optional<Bytes> raw, reader.get(column, key));
    if (!raw) return std::optional<T>();
    auto value = decode<T>(*raw);
    if (!value.has_value()) return Err{damaged(what)};
    return std::optional<T>(*std::move(value));
}

}  // namespace

Result<std::optional<Head>> BlockStore::head() const {
    return read<Head>(reader_, Column::meta, as_bytes(kHeadKey), "head");
}
Result<std::optional<StoredBlock>> BlockStore::block(Height height) const {
    return read<StoredBlock>(reader_, Column::blocks, height_key(height), "block");
}
Result<std::optional<market::BlockHeader>> BlockStore::header(Height height) const {
    MILLRACE_TRY(const std::optional<Bytes> raw, reader_.get(Column::blocks, height_key(height)));
    if (!raw) return std::optional<market::BlockHeader>();
    // It is what a stored block begins with.
    Decoder in(*raw);
    market::BlockHeader header;
    decode_into(in, header);
    if (in.failed()) return Err{damaged("block")};
    return std::optional(header);
}
Result<std::optional<Height>> BlockStore::height_of(const BlockHash& hash) const {
    return read<Height>(reader_, Column::index, index_key(kHashIndex, hash.view()), "index");
}
Result<std::optional<TxPlace>> BlockStore::place_of(const TxHash& hash) const {
    return read<TxPlace>(reader_, Column::index, index_key(kTxIndex, hash.view()), "index");
}

Result<std::vector<market::Handover>> BlockStore::handovers(Epoch from, std::size_t limit) const {
    MILLRACE_TRY(const auto rows,
                 reader_.scan(Column::index, Bytes{kHandovers}, handover_key(from), limit));
    std::vector<market::Handover> out;
    for (const auto& [key, raw] : rows) {
        auto handover = decode<market::Handover>(raw);
        if (!handover.has_value()) return Err{damaged("handover")};
        // A gap (a data folder of a version that kept none) leads nowhere.
        if (handover->header.epoch.value != from.value + out.size()) break;
        out.push_back(*std::move(handover));
    }
    return out;
}
void BlockStore::put_handover(std::vector<DbWrite>& batch, const market::Handover& handover) {
    batch.push_back({Column::index, handover_key(handover.header.epoch), encode(handover)});
}

Result<std::optional<Height>> BlockStore::history_since() const {
    return read<Height>(reader_, Column::meta, as_bytes(kHistorySinceKey), "history");
}
void BlockStore::put_history_since(std::vector<DbWrite>& batch, Height since) {
    const ByteView key = as_bytes(kHistorySinceKey);
    batch.push_back({Column::meta, Bytes(key.begin(), key.end()), encode(since)});
}

void BlockStore::put_block(std::vector<DbWrite>& batch, const StoredBlock& block,
                           const BlockHash& hash) {
    const Height height = block.block.header.height;
    batch.push_back({Column::blocks, height_key(height), encode(block)});
    batch.push_back({Column::index, index_key(kHashIndex, hash.view()), encode(height)});
    for (std::size_t i = 0; i < block.receipts.size(); ++i)
        batch.push_back(
            {Column::index, index_key(kTxIndex, block.receipts[i].transaction.view()),
             encode(TxPlace{height, static_cast<std::uint32_t>(i), block.receipts[i]})});
}

void BlockStore::put_head(std::vector<DbWrite>& batch, const Head& head) {
    const ByteView key = as_bytes(kHeadKey);
    batch.push_back({Column::meta, Bytes(key.begin(), key.end()), encode(head)});
}

}  // namespace millrace::node
