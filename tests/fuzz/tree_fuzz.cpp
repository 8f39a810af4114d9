// Input: one byte that chooses, then the rest. Even: the start of region 0 of a file-system image
// (zero behind it), read by the checking reader and walked by a program's calls. Odd: an encoded
// manifest.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "common/codec.hpp"
#include "vm/machine/sparse_state.hpp"
#include "vm/wasi/calls.hpp"
#include "vm/wasi/tree.hpp"

namespace {

using namespace millrace;
using namespace millrace::vm;

void require(bool holds) {
    if (!holds) std::abort();
}

class Region final : public TreePages {
  public:
    explicit Region(ByteView bytes) : bytes_(bytes) {}
    Status<Error> read_page(std::uint64_t index, MutableByteView out) override {
        std::memset(out.data(), 0, out.size());
        const std::uint64_t at = index << kPageBits;
        if (at < bytes_.size())
            std::memcpy(out.data(), bytes_.data() + at,
                        std::min<std::uint64_t>(out.size(), bytes_.size() - at));
        return Ok{};
    }
    std::uint64_t region_length(std::uint64_t region) const override {
        return region == 0 ? bytes_.size() : 0;
    }

  private:
    ByteView bytes_;
};

void check_reader(ByteView bytes) {
    Region pages(bytes);
    const auto index = TreeIndex::read(pages);
    if (!index) {
        require(!to_sentence(index.error()).empty());
        return;
    }
    // What is accepted is the one normal form of what it says.
    const Bytes metadata = index->encode_metadata();
    require(metadata.size() <= page_ceil(bytes.size()));
    const std::size_t common = std::min(metadata.size(), bytes.size());
    require(std::equal(metadata.begin(), metadata.begin() + static_cast<std::ptrdiff_t>(common),
                       bytes.begin()));
    for (std::uint32_t i = 1; i < index->entries().size(); ++i)
        require(index->find(index->path_of(i)) == i);
}

/// Lists the root of the input, then looks up and reads what was listed.
void walk_as_program(ByteView bytes) {
    SparseState state;
    for (std::uint64_t at = 0; at < bytes.size(); at += kPageSize)
        state.write(kInputImages + at,
                    bytes.subspan(at, std::min<std::uint64_t>(kPageSize, bytes.size() - at)));
    TaskArguments arguments;
    arguments.input_form = InputForm::tree;
    arguments.input_count = 1;
    arguments.memory_limit = std::uint64_t{1} << 32;
    const auto page = encode_arguments(arguments);
    require(page.has_value());
    state.write(kArgumentsPage, *page);
    state.set_reg(Register::memory_pages, 4);
    state.set_reg(Register::gas_limit, std::uint64_t{1} << 40);

    constexpr Address kArgs = kSlotsBase;
    constexpr std::uint64_t kBuffer = 0x2000;
    const auto call = [&](HostCall which, std::initializer_list<std::uint64_t> values) {
        Address at = kArgs;
        for (const std::uint64_t value : values) {
            state.store(at, value);
            at += 8;
        }
        while (host_micro_step(state, which, kArgs) == HostOutcome::again) {
        }
        return state.load(kArgs);
    };
    constexpr std::uint64_t kIn = 4;
    if (call(HostCall::fd_readdir, {kIn, kBuffer, 2'000, 0, 0}) != 0) return;
    const auto word = [&](std::uint64_t at) { return state.load(kMemoryBase + at); };
    const auto used = static_cast<std::uint32_t>(word(0));
    // Entries lie unaligned; names are copied to a place of their own.
    for (std::uint64_t at = 0; at + kDirentSize <= used;) {
        std::array<std::uint8_t, 4> raw{};
        for (std::size_t i = 0; i < 4; ++i)
            state.read(kMemoryBase + kBuffer + at + 16 + i, MutableByteView(&raw[i], 1));
        const auto length = load_le<std::uint32_t>(raw.data());
        if (at + kDirentSize + length > used) break;
        const std::uint64_t name = kBuffer + at + kDirentSize;
        (void)call(HostCall::path_filestat_get, {kIn, 0, name, length, 0x1000});
        if (call(HostCall::path_open,
                 {kIn, 0, name, length, 0, rights::fd_read, rights::fd_read, 0, 0x1800}) == 0) {
            const auto fd = static_cast<std::uint32_t>(word(0x1800));
            state.store(kMemoryBase + 0x1900, 0x8000 | (std::uint64_t{20'000} << 32));
            (void)call(HostCall::fd_read, {fd, 0x1900, 1, 0x1800});
            (void)call(HostCall::fd_close, {fd});
        }
        at += kDirentSize + length;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView rest(data + 1, size - 1);
    if ((data[0] & 1) == 0) {
        check_reader(rest);
        walk_as_program(rest);
    } else if (const auto manifest = decode<TreeManifest>(rest)) {
        const Bytes again = encode(*manifest);
        require(std::equal(again.begin(), again.end(), rest.begin(), rest.end()));
        (void)tree_root(*manifest);
    }
    return 0;
}
