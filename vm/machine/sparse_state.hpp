#pragma once

#include <array>
#include <cstring>
#include <map>
#include <memory>

#include "common/assert.hpp"
#include "vm/machine/access.hpp"

namespace millrace::vm {

/// The whole state as a sorted map of pages: slow and plain. The model that tests hold the fast
/// policies to, and the holder of states at rest.
class SparseState {
  public:
    using Page = std::array<std::uint8_t, kPageSize>;

    [[nodiscard]] std::uint64_t load(Address at) const {
        std::array<std::uint8_t, 8> raw{};
        read(at, raw);
        return load_le<std::uint64_t>(raw.data());
    }
    void store(Address at, std::uint64_t word) {
        std::array<std::uint8_t, 8> raw{};
        store_le(raw.data(), word);
        write(at, raw);
    }
    void read(Address at, MutableByteView out) const {
        MILLRACE_ASSERT(offset(at) + out.size() <= kPageSize);
        const auto found = pages_.find(at >> kPageBits);
        if (found == pages_.end())
            std::memset(out.data(), 0, out.size());
        else
            std::memcpy(out.data(), found->second->data() + offset(at), out.size());
    }
    void write(Address at, ByteView in) {
        MILLRACE_ASSERT(offset(at) + in.size() <= kPageSize);
        if (!in.empty()) std::memcpy(page(at).data() + offset(at), in.data(), in.size());
    }
    void copy(Address to, Address from, std::uint32_t size) {
        Page buffer;
        MILLRACE_ASSERT(size <= kPageSize);
        read(from, {buffer.data(), size});
        write(to, {buffer.data(), size});
    }
    void fill(Address at, std::uint64_t byte, std::uint32_t size) {
        MILLRACE_ASSERT(offset(at) + size <= kPageSize);
        if (size != 0)
            std::memset(page(at).data() + offset(at), static_cast<int>(byte & 0xff), size);
    }
    [[nodiscard]] std::uint64_t reg(Register r) const {
        return load(kRegistersPage + 8 * static_cast<std::uint64_t>(r));
    }
    void set_reg(Register r, std::uint64_t word) {
        store(kRegistersPage + 8 * static_cast<std::uint64_t>(r), word);
    }
    [[nodiscard]] bool failed() const { return false; }

    /// Pages by index (address / 4096) that have been written; some may be all zero.
    [[nodiscard]] const std::map<std::uint64_t, std::unique_ptr<Page>>& pages() const {
        return pages_;
    }

  private:
    static std::uint64_t offset(Address at) { return at & (kPageSize - 1); }
    Page& page(Address at) {
        auto& slot = pages_[at >> kPageBits];
        if (!slot) slot = std::make_unique<Page>();
        return *slot;
    }
    std::map<std::uint64_t, std::unique_ptr<Page>> pages_;
};
static_assert(StateAccess<SparseState>);

}  // namespace millrace::vm
