#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// The instructions of the image, in one table that interpreter, lowering, disassembler and
/// documentation read. Numbers are consensus: the order below is the encoding, rows are only ever
/// appended before `kImageOpcodeCount`, and the image's version changes when one is.
///
/// A word is 64 bits, lowest bits first: opcode 16, a 16, b 16, c 16, or opcode 16, a 16, x 32.
/// Operands name 8-byte slots of the current frame. Extension words follow the first; an
/// instruction with its extension words is one step.
/// Source: docs/protocol/image.md, "Code".
// clang-format off
// Integer operations that cannot trap: slot with slot, and slot with a 16-bit immediate.
#define MILLRACE_IMAGE_INT_BINARY(X) \
    X(i32_add) X(i32_sub) X(i32_mul) X(i32_and) X(i32_or) X(i32_xor) \
    X(i32_shl) X(i32_shr_s) X(i32_shr_u) X(i32_rotl) X(i32_rotr) \
    X(i64_add) X(i64_sub) X(i64_mul) X(i64_and) X(i64_or) X(i64_xor) \
    X(i64_shl) X(i64_shr_s) X(i64_shr_u) X(i64_rotl) X(i64_rotr)
// Integer operations that can trap, in the same two forms.
#define MILLRACE_IMAGE_INT_DIVIDE(X) \
    X(i32_div_s) X(i32_div_u) X(i32_rem_s) X(i32_rem_u) \
    X(i64_div_s) X(i64_div_u) X(i64_rem_s) X(i64_rem_u)
// Comparisons of integers: value and branch, each with slot or immediate.
#define MILLRACE_IMAGE_INT_COMPARE(X) \
    X(i32_eq) X(i32_ne) X(i32_lt_s) X(i32_lt_u) X(i32_gt_s) X(i32_gt_u) \
    X(i32_le_s) X(i32_le_u) X(i32_ge_s) X(i32_ge_u) \
    X(i64_eq) X(i64_ne) X(i64_lt_s) X(i64_lt_u) X(i64_gt_s) X(i64_gt_u) \
    X(i64_le_s) X(i64_le_u) X(i64_ge_s) X(i64_ge_u)
#define MILLRACE_IMAGE_FLOAT_BINARY(X) \
    X(f32_add) X(f32_sub) X(f32_mul) X(f32_div) X(f32_min) X(f32_max) X(f32_copysign) \
    X(f64_add) X(f64_sub) X(f64_mul) X(f64_div) X(f64_min) X(f64_max) X(f64_copysign)
// Comparisons of floats: value, branch when true, branch when false (they differ for NaN).
#define MILLRACE_IMAGE_FLOAT_COMPARE(X) \
    X(f32_eq) X(f32_ne) X(f32_lt) X(f32_gt) X(f32_le) X(f32_ge) \
    X(f64_eq) X(f64_ne) X(f64_lt) X(f64_gt) X(f64_le) X(f64_ge)
#define MILLRACE_IMAGE_UNARY(X) \
    X(i32_eqz) X(i32_clz) X(i32_ctz) X(i32_popcnt) \
    X(i64_eqz) X(i64_clz) X(i64_ctz) X(i64_popcnt) \
    X(f32_abs) X(f32_neg) X(f32_ceil) X(f32_floor) X(f32_trunc) X(f32_nearest) X(f32_sqrt) \
    X(f64_abs) X(f64_neg) X(f64_ceil) X(f64_floor) X(f64_trunc) X(f64_nearest) X(f64_sqrt) \
    X(i32_wrap_i64) X(i64_extend_i32_s) \
    X(f32_convert_i32_s) X(f32_convert_i32_u) X(f32_convert_i64_s) X(f32_convert_i64_u) \
    X(f32_demote_f64) \
    X(f64_convert_i32_s) X(f64_convert_i32_u) X(f64_convert_i64_s) X(f64_convert_i64_u) \
    X(f64_promote_f32) \
    X(i32_extend8_s) X(i32_extend16_s) X(i64_extend8_s) X(i64_extend16_s) X(i64_extend32_s) \
    X(i32_trunc_sat_f32_s) X(i32_trunc_sat_f32_u) X(i32_trunc_sat_f64_s) X(i32_trunc_sat_f64_u) \
    X(i64_trunc_sat_f32_s) X(i64_trunc_sat_f32_u) X(i64_trunc_sat_f64_s) X(i64_trunc_sat_f64_u)
#define MILLRACE_IMAGE_UNARY_TRAP(X) \
    X(i32_trunc_f32_s) X(i32_trunc_f32_u) X(i32_trunc_f64_s) X(i32_trunc_f64_u) \
    X(i64_trunc_f32_s) X(i64_trunc_f32_u) X(i64_trunc_f64_s) X(i64_trunc_f64_u)
// Loads: name, type in memory, type to which it is extended. What WebAssembly calls i32.load,
// f32.load and i64.load32_u is one instruction here, since slots hold zero-extended bits.
#define MILLRACE_IMAGE_LOAD(X) \
    X(load8_u, std::uint8_t, std::uint64_t) X(load16_u, std::uint16_t, std::uint64_t) \
    X(load32_u, std::uint32_t, std::uint64_t) X(load64, std::uint64_t, std::uint64_t) \
    X(i32_load8_s, std::int8_t, std::uint32_t) X(i32_load16_s, std::int16_t, std::uint32_t) \
    X(i64_load8_s, std::int8_t, std::uint64_t) X(i64_load16_s, std::int16_t, std::uint64_t) \
    X(i64_load32_s, std::int32_t, std::uint64_t)
#define MILLRACE_IMAGE_STORE(X) \
    X(store8, std::uint8_t) X(store16, std::uint16_t) X(store32, std::uint32_t) \
    X(store64, std::uint64_t)
// Comparisons of integers and what holds exactly when they do not.
#define MILLRACE_IMAGE_OPPOSITES(X) \
    X(i32_eq, i32_ne) X(i32_ne, i32_eq) X(i32_lt_s, i32_ge_s) X(i32_lt_u, i32_ge_u) \
    X(i32_gt_s, i32_le_s) X(i32_gt_u, i32_le_u) X(i32_le_s, i32_gt_s) X(i32_le_u, i32_gt_u) \
    X(i32_ge_s, i32_lt_s) X(i32_ge_u, i32_lt_u) \
    X(i64_eq, i64_ne) X(i64_ne, i64_eq) X(i64_lt_s, i64_ge_s) X(i64_lt_u, i64_ge_u) \
    X(i64_gt_s, i64_le_s) X(i64_gt_u, i64_le_u) X(i64_le_s, i64_gt_s) X(i64_le_u, i64_gt_u) \
    X(i64_ge_s, i64_lt_s) X(i64_ge_u, i64_lt_u)
// Everything else: name, form.
#define MILLRACE_IMAGE_OTHER(X) \
    X(unreachable, none) \
    X(boot, boot)                 /* first word of a program: gives it its memory, or traps */ \
    X(finish, none)               /* end of `_start`: exit code 0 */ \
    X(head, live_charge)          /* safe point: tests the threshold, then charges */ \
    X(charge, charge) \
    X(zero_locals, slots_count)   /* metered; slots [a, a + x) */ \
    X(br, target)                 \
    X(br_table, table)            /* a: index slot; x: count of targets without the default */ \
    X(call, call) \
    X(call_indirect, call_indirect) \
    X(host, host)                 /* a: first slot; x: import index */ \
    X(ret, none) \
    X(ret_one, a_only)            /* slot 0 = a, then as `ret` */ \
    X(copy, dst_a) \
    X(const_u32, dst_x)           /* zero-extended */ \
    X(const_s32, dst_x)           /* sign-extended */ \
    X(const_64, dst_extension) \
    X(select, select)             /* dst = extension's slot != 0 ? b : c */ \
    X(global_get, dst_x) \
    X(global_set, a_x) \
    X(memory_size, a_only) \
    X(memory_grow, dst_a) \
    X(memory_fill, a_b_c)         /* slots of: destination, value, size */ \
    X(memory_copy, a_b_c)         /* destination, source, size */ \
    X(memory_init, a_b_c_extension) /* extension: data segment */ \
    X(data_drop, x_only) \
    X(table_get, dst_a_table)     /* c: table */ \
    X(table_set, dst_a_table)     /* a: index slot, b: value slot, c: table */ \
    X(table_size, dst_x) \
    X(table_grow, a_b_c_extension) /* dst, value, delta; extension: table */ \
    X(table_fill, a_b_c_extension) /* start, value, count; extension: table */ \
    X(table_copy, a_b_c_extension) /* destination, source, count; extension: tables, low half destination */ \
    X(table_init, a_b_c_extension) /* destination, source, count; extension: table low half, segment high half */ \
    X(elem_drop, x_only)
// clang-format on

namespace millrace::vm {

/// How an instruction's fields are read; and so how many words it has.
enum class ImageForm : std::uint8_t {
    none,
    dst_a_b,          ///< a destination, b and c sources
    dst_a_imm,        ///< a destination, b source, c signed immediate
    dst_a,            ///< a destination, b source
    dst_x,            ///< a destination, x immediate or index
    dst_extension,    ///< a destination; extension: 64-bit constant
    branch_a_b,       ///< a, b compared; extension: low half target, high half fall-through charge
    branch_a_imm,     ///< a slot, b signed immediate; extension likewise
    boot,             ///< x: first 64 KiB pages of memory; extension: most that it may have
    target,           ///< x: signed distance in words from this word
    table,            ///< extension words: two signed distances each, from the word they stand in
    live_charge,      ///< a: meaningful slots; x: gas
    charge,           ///< x: gas
    slots_count,      ///< a first slot, x count
    call,             ///< a base slot, x function; extension: low half entry, high half frame slots
    call_indirect,    ///< a base slot, b index slot; extension: low half type id, high half table
    host,             ///< a base slot, x import
    a_only,           ///< a slot
    a_x,              ///< a source slot, x index
    x_only,           ///< x index
    a_b_c,            ///< three source slots
    a_b_c_extension,  ///< three slots; extension: indices
    dst_a_table,      ///< a, b slots, c table
    select,           ///< a destination, b, c sources; extension: condition slot
    load,             ///< a destination, b address slot, c unsigned offset
    load_wide,        ///< a destination, b address slot; extension: offset
    load_at,          ///< a destination, x effective address
    store,            ///< a value slot, b address slot, c unsigned offset
    store_wide,       ///< a value slot, b address slot; extension: offset
    store_at,         ///< a value slot, x effective address
};

/// Zero is no instruction: a page of zeroes never runs.
enum class ImageOp : std::uint16_t {
    invalid = 0,
#define X(name, form) name,
    MILLRACE_IMAGE_OTHER(X)
#undef X
#define X(name) name, name##_imm,
        MILLRACE_IMAGE_INT_BINARY(X) MILLRACE_IMAGE_INT_DIVIDE(X)
#undef X
#define X(name) name, name##_imm, br_##name, br_##name##_imm,
            MILLRACE_IMAGE_INT_COMPARE(X)
#undef X
#define X(name) name,
                MILLRACE_IMAGE_FLOAT_BINARY(X)
#undef X
#define X(name) name, br_##name, br_not_##name,
                    MILLRACE_IMAGE_FLOAT_COMPARE(X)
#undef X
#define X(name) name,
                        MILLRACE_IMAGE_UNARY(X) MILLRACE_IMAGE_UNARY_TRAP(X)
#undef X
#define X(name, type, extended) name, name##_wide, name##_at,
                            MILLRACE_IMAGE_LOAD(X)
#undef X
#define X(name, type) name, name##_wide, name##_at,
                                MILLRACE_IMAGE_STORE(X)
#undef X
};

struct ImageOpInfo {
    ImageOp op;
    std::string_view text;
    ImageForm form;
};

inline constexpr auto kImageOpcodes = std::to_array<ImageOpInfo>(
    {{ImageOp::invalid, "invalid", ImageForm::none},
#define X(name, form) {ImageOp::name, #name, ImageForm::form},
     MILLRACE_IMAGE_OTHER(X)
#undef X
#define X(name)                                 \
    {ImageOp::name, #name, ImageForm::dst_a_b}, \
        {ImageOp::name##_imm, #name "_imm", ImageForm::dst_a_imm},
         MILLRACE_IMAGE_INT_BINARY(X) MILLRACE_IMAGE_INT_DIVIDE(X)
#undef X
#define X(name)                                                    \
    {ImageOp::name, #name, ImageForm::dst_a_b},                    \
        {ImageOp::name##_imm, #name "_imm", ImageForm::dst_a_imm}, \
        {ImageOp::br_##name, "br_" #name, ImageForm::branch_a_b},  \
        {ImageOp::br_##name##_imm, "br_" #name "_imm", ImageForm::branch_a_imm},
             MILLRACE_IMAGE_INT_COMPARE(X)
#undef X
#define X(name) {ImageOp::name, #name, ImageForm::dst_a_b},
                 MILLRACE_IMAGE_FLOAT_BINARY(X)
#undef X
#define X(name)                                                   \
    {ImageOp::name, #name, ImageForm::dst_a_b},                   \
        {ImageOp::br_##name, "br_" #name, ImageForm::branch_a_b}, \
        {ImageOp::br_not_##name, "br_not_" #name, ImageForm::branch_a_b},
                     MILLRACE_IMAGE_FLOAT_COMPARE(X)
#undef X
#define X(name) {ImageOp::name, #name, ImageForm::dst_a},
                         MILLRACE_IMAGE_UNARY(X) MILLRACE_IMAGE_UNARY_TRAP(X)
#undef X
#define X(name, type, extended)                                      \
    {ImageOp::name, #name, ImageForm::load},                         \
        {ImageOp::name##_wide, #name "_wide", ImageForm::load_wide}, \
        {ImageOp::name##_at, #name "_at", ImageForm::load_at},
                             MILLRACE_IMAGE_LOAD(X)
#undef X
#define X(name, type)                                                 \
    {ImageOp::name, #name, ImageForm::store},                         \
        {ImageOp::name##_wide, #name "_wide", ImageForm::store_wide}, \
        {ImageOp::name##_at, #name "_at", ImageForm::store_at},
                                 MILLRACE_IMAGE_STORE(X)
#undef X
    });
inline constexpr std::size_t kImageOpcodeCount = kImageOpcodes.size();

[[nodiscard]] constexpr const ImageOpInfo& info(ImageOp op) {
    return kImageOpcodes[static_cast<std::size_t>(op)];
}

/// The form's name, as docs/protocol/image.md has it.
[[nodiscard]] constexpr std::string_view form_text(ImageForm form) {
    switch (form) {
        case ImageForm::none:
            return "none";
        case ImageForm::dst_a_b:
            return "dst_a_b";
        case ImageForm::dst_a_imm:
            return "dst_a_imm";
        case ImageForm::dst_a:
            return "dst_a";
        case ImageForm::dst_x:
            return "dst_x";
        case ImageForm::dst_extension:
            return "dst_extension";
        case ImageForm::branch_a_b:
            return "branch_a_b";
        case ImageForm::branch_a_imm:
            return "branch_a_imm";
        case ImageForm::boot:
            return "boot";
        case ImageForm::target:
            return "target";
        case ImageForm::table:
            return "table";
        case ImageForm::live_charge:
            return "live_charge";
        case ImageForm::charge:
            return "charge";
        case ImageForm::slots_count:
            return "slots_count";
        case ImageForm::call:
            return "call";
        case ImageForm::call_indirect:
            return "call_indirect";
        case ImageForm::host:
            return "host";
        case ImageForm::a_only:
            return "a_only";
        case ImageForm::a_x:
            return "a_x";
        case ImageForm::x_only:
            return "x_only";
        case ImageForm::a_b_c:
            return "a_b_c";
        case ImageForm::a_b_c_extension:
            return "a_b_c_extension";
        case ImageForm::dst_a_table:
            return "dst_a_table";
        case ImageForm::select:
            return "select";
        case ImageForm::load:
            return "load";
        case ImageForm::load_wide:
            return "load_wide";
        case ImageForm::load_at:
            return "load_at";
        case ImageForm::store:
            return "store";
        case ImageForm::store_wide:
            return "store_wide";
        case ImageForm::store_at:
            return "store_at";
    }
    return "?";
}

/// Words of an instruction; `br_table` has its targets on top.
[[nodiscard]] constexpr unsigned word_count(ImageForm form) {
    switch (form) {
        case ImageForm::boot:
        case ImageForm::dst_extension:
        case ImageForm::branch_a_b:
        case ImageForm::branch_a_imm:
        case ImageForm::call:
        case ImageForm::call_indirect:
        case ImageForm::a_b_c_extension:
        case ImageForm::select:
        case ImageForm::load_wide:
        case ImageForm::store_wide:
            return 2;
        default:
            return 1;
    }
}

namespace detail {
consteval bool image_opcodes_are_consistent() {
    if (kImageOpcodeCount > 0xffff) return false;
    for (std::size_t i = 0; i < kImageOpcodeCount; ++i)
        if (static_cast<std::size_t>(kImageOpcodes[i].op) != i) return false;
    return true;
}
static_assert(image_opcodes_are_consistent());
}  // namespace detail

/// One 64-bit word of code, built and taken apart.
namespace word {
[[nodiscard]] constexpr std::uint64_t abc(ImageOp op, std::uint32_t a, std::uint32_t b,
                                          std::uint32_t c) {
    return static_cast<std::uint64_t>(op) | (std::uint64_t{a & 0xffff} << 16) |
           (std::uint64_t{b & 0xffff} << 32) | (std::uint64_t{c & 0xffff} << 48);
}
[[nodiscard]] constexpr std::uint64_t ax(ImageOp op, std::uint32_t a, std::uint32_t x) {
    return static_cast<std::uint64_t>(op) | (std::uint64_t{a & 0xffff} << 16) |
           (std::uint64_t{x} << 32);
}
[[nodiscard]] constexpr std::uint64_t halves(std::uint32_t low, std::uint32_t high) {
    return std::uint64_t{low} | (std::uint64_t{high} << 32);
}
[[nodiscard]] constexpr std::uint32_t op(std::uint64_t w) {
    return static_cast<std::uint32_t>(w & 0xffff);
}
[[nodiscard]] constexpr std::uint32_t a(std::uint64_t w) {
    return static_cast<std::uint32_t>((w >> 16) & 0xffff);
}
[[nodiscard]] constexpr std::uint32_t b(std::uint64_t w) {
    return static_cast<std::uint32_t>((w >> 32) & 0xffff);
}
[[nodiscard]] constexpr std::uint32_t c(std::uint64_t w) {
    return static_cast<std::uint32_t>(w >> 48);
}
[[nodiscard]] constexpr std::uint32_t x(std::uint64_t w) {
    return static_cast<std::uint32_t>(w >> 32);
}
[[nodiscard]] constexpr std::uint32_t low(std::uint64_t w) {
    return static_cast<std::uint32_t>(w & 0xffff'ffff);
}
/// Signed 16-bit immediates of fields b and c.
[[nodiscard]] constexpr std::int64_t imm_b(std::uint64_t w) {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(w >> 32));
}
[[nodiscard]] constexpr std::int64_t imm_c(std::uint64_t w) {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(w >> 48));
}
}  // namespace word

}  // namespace millrace::vm
