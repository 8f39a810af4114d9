#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "vm/module/types.hpp"

/// Every instruction of WebAssembly 2.0 but the SIMD ones, in one table that decoder, validator,
/// lowering, gas and documentation read.
///
/// Columns: enumerator, text, prefix byte (0 where there is none), opcode after the prefix,
/// immediate, signature, feature, gas.
/// - The signature lists popped types in stack order, `>`, pushed types: `i` i32, `I` i64, `f` f32,
///   `F` f64. `*` stands for an instruction whose types depend on its surroundings; the validator
///   has a case for each.
/// - Gas is about one unit a nanosecond of compiled code on a plain x86-64 core, rounded up to at
///   least 1 for whatever can become a word of code; so no block runs for free, and gas bounds
///   steps. Costs that grow with an operand (bytes copied, pages grown, locals zeroed) come on top.
/// Source: WebAssembly 2.0, sections 5.4 and A.7; gas: docs/protocol/module.md.
// clang-format off
#define MILLRACE_WASM_OPCODES(X) \
    X(unreachable, "unreachable", 0x00, 0x00, none, "*", mvp, 1) \
    X(nop, "nop", 0x00, 0x01, none, ">", mvp, 0) \
    X(block, "block", 0x00, 0x02, block_type, "*", mvp, 0) \
    X(loop, "loop", 0x00, 0x03, block_type, "*", mvp, 1) \
    X(if_, "if", 0x00, 0x04, block_type, "*", mvp, 1) \
    X(else_, "else", 0x00, 0x05, none, "*", mvp, 1) \
    X(end, "end", 0x00, 0x0b, none, "*", mvp, 0) \
    X(br, "br", 0x00, 0x0c, label, "*", mvp, 1) \
    X(br_if, "br_if", 0x00, 0x0d, label, "*", mvp, 1) \
    X(br_table, "br_table", 0x00, 0x0e, label_table, "*", mvp, 4) \
    X(return_, "return", 0x00, 0x0f, none, "*", mvp, 2) \
    X(call, "call", 0x00, 0x10, function, "*", mvp, 4) \
    X(call_indirect, "call_indirect", 0x00, 0x11, type_and_table, "*", mvp, 8) \
    X(drop, "drop", 0x00, 0x1a, none, "*", mvp, 0) \
    X(select, "select", 0x00, 0x1b, none, "*", mvp, 1) \
    X(select_t, "select", 0x00, 0x1c, value_types, "*", reference_types, 1) \
    X(local_get, "local.get", 0x00, 0x20, local, "*", mvp, 1) \
    X(local_set, "local.set", 0x00, 0x21, local, "*", mvp, 1) \
    X(local_tee, "local.tee", 0x00, 0x22, local, "*", mvp, 1) \
    X(global_get, "global.get", 0x00, 0x23, global, "*", mvp, 2) \
    X(global_set, "global.set", 0x00, 0x24, global, "*", mvp, 2) \
    X(table_get, "table.get", 0x00, 0x25, table, "*", reference_types, 3) \
    X(table_set, "table.set", 0x00, 0x26, table, "*", reference_types, 3) \
    X(i32_load, "i32.load", 0x00, 0x28, memarg, "i>i", mvp, 2) \
    X(i64_load, "i64.load", 0x00, 0x29, memarg, "i>I", mvp, 2) \
    X(f32_load, "f32.load", 0x00, 0x2a, memarg, "i>f", mvp, 2) \
    X(f64_load, "f64.load", 0x00, 0x2b, memarg, "i>F", mvp, 2) \
    X(i32_load8_s, "i32.load8_s", 0x00, 0x2c, memarg, "i>i", mvp, 2) \
    X(i32_load8_u, "i32.load8_u", 0x00, 0x2d, memarg, "i>i", mvp, 2) \
    X(i32_load16_s, "i32.load16_s", 0x00, 0x2e, memarg, "i>i", mvp, 2) \
    X(i32_load16_u, "i32.load16_u", 0x00, 0x2f, memarg, "i>i", mvp, 2) \
    X(i64_load8_s, "i64.load8_s", 0x00, 0x30, memarg, "i>I", mvp, 2) \
    X(i64_load8_u, "i64.load8_u", 0x00, 0x31, memarg, "i>I", mvp, 2) \
    X(i64_load16_s, "i64.load16_s", 0x00, 0x32, memarg, "i>I", mvp, 2) \
    X(i64_load16_u, "i64.load16_u", 0x00, 0x33, memarg, "i>I", mvp, 2) \
    X(i64_load32_s, "i64.load32_s", 0x00, 0x34, memarg, "i>I", mvp, 2) \
    X(i64_load32_u, "i64.load32_u", 0x00, 0x35, memarg, "i>I", mvp, 2) \
    X(i32_store, "i32.store", 0x00, 0x36, memarg, "ii>", mvp, 2) \
    X(i64_store, "i64.store", 0x00, 0x37, memarg, "iI>", mvp, 2) \
    X(f32_store, "f32.store", 0x00, 0x38, memarg, "if>", mvp, 2) \
    X(f64_store, "f64.store", 0x00, 0x39, memarg, "iF>", mvp, 2) \
    X(i32_store8, "i32.store8", 0x00, 0x3a, memarg, "ii>", mvp, 2) \
    X(i32_store16, "i32.store16", 0x00, 0x3b, memarg, "ii>", mvp, 2) \
    X(i64_store8, "i64.store8", 0x00, 0x3c, memarg, "iI>", mvp, 2) \
    X(i64_store16, "i64.store16", 0x00, 0x3d, memarg, "iI>", mvp, 2) \
    X(i64_store32, "i64.store32", 0x00, 0x3e, memarg, "iI>", mvp, 2) \
    X(memory_size, "memory.size", 0x00, 0x3f, memory, ">i", mvp, 2) \
    X(memory_grow, "memory.grow", 0x00, 0x40, memory, "i>i", mvp, 100) \
    X(i32_const, "i32.const", 0x00, 0x41, i32, ">i", mvp, 1) \
    X(i64_const, "i64.const", 0x00, 0x42, i64, ">I", mvp, 1) \
    X(f32_const, "f32.const", 0x00, 0x43, f32, ">f", mvp, 1) \
    X(f64_const, "f64.const", 0x00, 0x44, f64, ">F", mvp, 1) \
    X(i32_eqz, "i32.eqz", 0x00, 0x45, none, "i>i", mvp, 1) \
    X(i32_eq, "i32.eq", 0x00, 0x46, none, "ii>i", mvp, 1) \
    X(i32_ne, "i32.ne", 0x00, 0x47, none, "ii>i", mvp, 1) \
    X(i32_lt_s, "i32.lt_s", 0x00, 0x48, none, "ii>i", mvp, 1) \
    X(i32_lt_u, "i32.lt_u", 0x00, 0x49, none, "ii>i", mvp, 1) \
    X(i32_gt_s, "i32.gt_s", 0x00, 0x4a, none, "ii>i", mvp, 1) \
    X(i32_gt_u, "i32.gt_u", 0x00, 0x4b, none, "ii>i", mvp, 1) \
    X(i32_le_s, "i32.le_s", 0x00, 0x4c, none, "ii>i", mvp, 1) \
    X(i32_le_u, "i32.le_u", 0x00, 0x4d, none, "ii>i", mvp, 1) \
    X(i32_ge_s, "i32.ge_s", 0x00, 0x4e, none, "ii>i", mvp, 1) \
    X(i32_ge_u, "i32.ge_u", 0x00, 0x4f, none, "ii>i", mvp, 1) \
    X(i64_eqz, "i64.eqz", 0x00, 0x50, none, "I>i", mvp, 1) \
    X(i64_eq, "i64.eq", 0x00, 0x51, none, "II>i", mvp, 1) \
    X(i64_ne, "i64.ne", 0x00, 0x52, none, "II>i", mvp, 1) \
    X(i64_lt_s, "i64.lt_s", 0x00, 0x53, none, "II>i", mvp, 1) \
    X(i64_lt_u, "i64.lt_u", 0x00, 0x54, none, "II>i", mvp, 1) \
    X(i64_gt_s, "i64.gt_s", 0x00, 0x55, none, "II>i", mvp, 1) \
    X(i64_gt_u, "i64.gt_u", 0x00, 0x56, none, "II>i", mvp, 1) \
    X(i64_le_s, "i64.le_s", 0x00, 0x57, none, "II>i", mvp, 1) \
    X(i64_le_u, "i64.le_u", 0x00, 0x58, none, "II>i", mvp, 1) \
    X(i64_ge_s, "i64.ge_s", 0x00, 0x59, none, "II>i", mvp, 1) \
    X(i64_ge_u, "i64.ge_u", 0x00, 0x5a, none, "II>i", mvp, 1) \
    X(f32_eq, "f32.eq", 0x00, 0x5b, none, "ff>i", mvp, 2) \
    X(f32_ne, "f32.ne", 0x00, 0x5c, none, "ff>i", mvp, 2) \
    X(f32_lt, "f32.lt", 0x00, 0x5d, none, "ff>i", mvp, 2) \
    X(f32_gt, "f32.gt", 0x00, 0x5e, none, "ff>i", mvp, 2) \
    X(f32_le, "f32.le", 0x00, 0x5f, none, "ff>i", mvp, 2) \
    X(f32_ge, "f32.ge", 0x00, 0x60, none, "ff>i", mvp, 2) \
    X(f64_eq, "f64.eq", 0x00, 0x61, none, "FF>i", mvp, 2) \
    X(f64_ne, "f64.ne", 0x00, 0x62, none, "FF>i", mvp, 2) \
    X(f64_lt, "f64.lt", 0x00, 0x63, none, "FF>i", mvp, 2) \
    X(f64_gt, "f64.gt", 0x00, 0x64, none, "FF>i", mvp, 2) \
    X(f64_le, "f64.le", 0x00, 0x65, none, "FF>i", mvp, 2) \
    X(f64_ge, "f64.ge", 0x00, 0x66, none, "FF>i", mvp, 2) \
    X(i32_clz, "i32.clz", 0x00, 0x67, none, "i>i", mvp, 2) \
    X(i32_ctz, "i32.ctz", 0x00, 0x68, none, "i>i", mvp, 2) \
    X(i32_popcnt, "i32.popcnt", 0x00, 0x69, none, "i>i", mvp, 2) \
    X(i32_add, "i32.add", 0x00, 0x6a, none, "ii>i", mvp, 1) \
    X(i32_sub, "i32.sub", 0x00, 0x6b, none, "ii>i", mvp, 1) \
    X(i32_mul, "i32.mul", 0x00, 0x6c, none, "ii>i", mvp, 2) \
    X(i32_div_s, "i32.div_s", 0x00, 0x6d, none, "ii>i", mvp, 8) \
    X(i32_div_u, "i32.div_u", 0x00, 0x6e, none, "ii>i", mvp, 8) \
    X(i32_rem_s, "i32.rem_s", 0x00, 0x6f, none, "ii>i", mvp, 8) \
    X(i32_rem_u, "i32.rem_u", 0x00, 0x70, none, "ii>i", mvp, 8) \
    X(i32_and, "i32.and", 0x00, 0x71, none, "ii>i", mvp, 1) \
    X(i32_or, "i32.or", 0x00, 0x72, none, "ii>i", mvp, 1) \
    X(i32_xor, "i32.xor", 0x00, 0x73, none, "ii>i", mvp, 1) \
    X(i32_shl, "i32.shl", 0x00, 0x74, none, "ii>i", mvp, 1) \
    X(i32_shr_s, "i32.shr_s", 0x00, 0x75, none, "ii>i", mvp, 1) \
    X(i32_shr_u, "i32.shr_u", 0x00, 0x76, none, "ii>i", mvp, 1) \
    X(i32_rotl, "i32.rotl", 0x00, 0x77, none, "ii>i", mvp, 1) \
    X(i32_rotr, "i32.rotr", 0x00, 0x78, none, "ii>i", mvp, 1) \
    X(i64_clz, "i64.clz", 0x00, 0x79, none, "I>I", mvp, 2) \
    X(i64_ctz, "i64.ctz", 0x00, 0x7a, none, "I>I", mvp, 2) \
    X(i64_popcnt, "i64.popcnt", 0x00, 0x7b, none, "I>I", mvp, 2) \
    X(i64_add, "i64.add", 0x00, 0x7c, none, "II>I", mvp, 1) \
    X(i64_sub, "i64.sub", 0x00, 0x7d, none, "II>I", mvp, 1) \
    X(i64_mul, "i64.mul", 0x00, 0x7e, none, "II>I", mvp, 2) \
    X(i64_div_s, "i64.div_s", 0x00, 0x7f, none, "II>I", mvp, 8) \
    X(i64_div_u, "i64.div_u", 0x00, 0x80, none, "II>I", mvp, 8) \
    X(i64_rem_s, "i64.rem_s", 0x00, 0x81, none, "II>I", mvp, 8) \
    X(i64_rem_u, "i64.rem_u", 0x00, 0x82, none, "II>I", mvp, 8) \
    X(i64_and, "i64.and", 0x00, 0x83, none, "II>I", mvp, 1) \
    X(i64_or, "i64.or", 0x00, 0x84, none, "II>I", mvp, 1) \
    X(i64_xor, "i64.xor", 0x00, 0x85, none, "II>I", mvp, 1) \
    X(i64_shl, "i64.shl", 0x00, 0x86, none, "II>I", mvp, 1) \
    X(i64_shr_s, "i64.shr_s", 0x00, 0x87, none, "II>I", mvp, 1) \
    X(i64_shr_u, "i64.shr_u", 0x00, 0x88, none, "II>I", mvp, 1) \
    X(i64_rotl, "i64.rotl", 0x00, 0x89, none, "II>I", mvp, 1) \
    X(i64_rotr, "i64.rotr", 0x00, 0x8a, none, "II>I", mvp, 1) \
    X(f32_abs, "f32.abs", 0x00, 0x8b, none, "f>f", mvp, 1) \
    X(f32_neg, "f32.neg", 0x00, 0x8c, none, "f>f", mvp, 1) \
    X(f32_ceil, "f32.ceil", 0x00, 0x8d, none, "f>f", mvp, 3) \
    X(f32_floor, "f32.floor", 0x00, 0x8e, none, "f>f", mvp, 3) \
    X(f32_trunc, "f32.trunc", 0x00, 0x8f, none, "f>f", mvp, 3) \
    X(f32_nearest, "f32.nearest", 0x00, 0x90, none, "f>f", mvp, 3) \
    X(f32_sqrt, "f32.sqrt", 0x00, 0x91, none, "f>f", mvp, 8) \
    X(f32_add, "f32.add", 0x00, 0x92, none, "ff>f", mvp, 3) \
    X(f32_sub, "f32.sub", 0x00, 0x93, none, "ff>f", mvp, 3) \
    X(f32_mul, "f32.mul", 0x00, 0x94, none, "ff>f", mvp, 3) \
    X(f32_div, "f32.div", 0x00, 0x95, none, "ff>f", mvp, 8) \
    X(f32_min, "f32.min", 0x00, 0x96, none, "ff>f", mvp, 3) \
    X(f32_max, "f32.max", 0x00, 0x97, none, "ff>f", mvp, 3) \
    X(f32_copysign, "f32.copysign", 0x00, 0x98, none, "ff>f", mvp, 1) \
    X(f64_abs, "f64.abs", 0x00, 0x99, none, "F>F", mvp, 1) \
    X(f64_neg, "f64.neg", 0x00, 0x9a, none, "F>F", mvp, 1) \
    X(f64_ceil, "f64.ceil", 0x00, 0x9b, none, "F>F", mvp, 3) \
    X(f64_floor, "f64.floor", 0x00, 0x9c, none, "F>F", mvp, 3) \
    X(f64_trunc, "f64.trunc", 0x00, 0x9d, none, "F>F", mvp, 3) \
    X(f64_nearest, "f64.nearest", 0x00, 0x9e, none, "F>F", mvp, 3) \
    X(f64_sqrt, "f64.sqrt", 0x00, 0x9f, none, "F>F", mvp, 8) \
    X(f64_add, "f64.add", 0x00, 0xa0, none, "FF>F", mvp, 3) \
    X(f64_sub, "f64.sub", 0x00, 0xa1, none, "FF>F", mvp, 3) \
    X(f64_mul, "f64.mul", 0x00, 0xa2, none, "FF>F", mvp, 3) \
    X(f64_div, "f64.div", 0x00, 0xa3, none, "FF>F", mvp, 8) \
    X(f64_min, "f64.min", 0x00, 0xa4, none, "FF>F", mvp, 3) \
    X(f64_max, "f64.max", 0x00, 0xa5, none, "FF>F", mvp, 3) \
    X(f64_copysign, "f64.copysign", 0x00, 0xa6, none, "FF>F", mvp, 1) \
    X(i32_wrap_i64, "i32.wrap_i64", 0x00, 0xa7, none, "I>i", mvp, 1) \
    X(i32_trunc_f32_s, "i32.trunc_f32_s", 0x00, 0xa8, none, "f>i", mvp, 4) \
    X(i32_trunc_f32_u, "i32.trunc_f32_u", 0x00, 0xa9, none, "f>i", mvp, 4) \
    X(i32_trunc_f64_s, "i32.trunc_f64_s", 0x00, 0xaa, none, "F>i", mvp, 4) \
    X(i32_trunc_f64_u, "i32.trunc_f64_u", 0x00, 0xab, none, "F>i", mvp, 4) \
    X(i64_extend_i32_s, "i64.extend_i32_s", 0x00, 0xac, none, "i>I", mvp, 1) \
    X(i64_extend_i32_u, "i64.extend_i32_u", 0x00, 0xad, none, "i>I", mvp, 1) \
    X(i64_trunc_f32_s, "i64.trunc_f32_s", 0x00, 0xae, none, "f>I", mvp, 4) \
    X(i64_trunc_f32_u, "i64.trunc_f32_u", 0x00, 0xaf, none, "f>I", mvp, 4) \
    X(i64_trunc_f64_s, "i64.trunc_f64_s", 0x00, 0xb0, none, "F>I", mvp, 4) \
    X(i64_trunc_f64_u, "i64.trunc_f64_u", 0x00, 0xb1, none, "F>I", mvp, 4) \
    X(f32_convert_i32_s, "f32.convert_i32_s", 0x00, 0xb2, none, "i>f", mvp, 2) \
    X(f32_convert_i32_u, "f32.convert_i32_u", 0x00, 0xb3, none, "i>f", mvp, 2) \
    X(f32_convert_i64_s, "f32.convert_i64_s", 0x00, 0xb4, none, "I>f", mvp, 2) \
    X(f32_convert_i64_u, "f32.convert_i64_u", 0x00, 0xb5, none, "I>f", mvp, 3) \
    X(f32_demote_f64, "f32.demote_f64", 0x00, 0xb6, none, "F>f", mvp, 3) \
    X(f64_convert_i32_s, "f64.convert_i32_s", 0x00, 0xb7, none, "i>F", mvp, 2) \
    X(f64_convert_i32_u, "f64.convert_i32_u", 0x00, 0xb8, none, "i>F", mvp, 2) \
    X(f64_convert_i64_s, "f64.convert_i64_s", 0x00, 0xb9, none, "I>F", mvp, 2) \
    X(f64_convert_i64_u, "f64.convert_i64_u", 0x00, 0xba, none, "I>F", mvp, 3) \
    X(f64_promote_f32, "f64.promote_f32", 0x00, 0xbb, none, "f>F", mvp, 3) \
    X(i32_reinterpret_f32, "i32.reinterpret_f32", 0x00, 0xbc, none, "f>i", mvp, 1) \
    X(i64_reinterpret_f64, "i64.reinterpret_f64", 0x00, 0xbd, none, "F>I", mvp, 1) \
    X(f32_reinterpret_i32, "f32.reinterpret_i32", 0x00, 0xbe, none, "i>f", mvp, 1) \
    X(f64_reinterpret_i64, "f64.reinterpret_i64", 0x00, 0xbf, none, "I>F", mvp, 1) \
    X(i32_extend8_s, "i32.extend8_s", 0x00, 0xc0, none, "i>i", sign_extension, 1) \
    X(i32_extend16_s, "i32.extend16_s", 0x00, 0xc1, none, "i>i", sign_extension, 1) \
    X(i64_extend8_s, "i64.extend8_s", 0x00, 0xc2, none, "I>I", sign_extension, 1) \
    X(i64_extend16_s, "i64.extend16_s", 0x00, 0xc3, none, "I>I", sign_extension, 1) \
    X(i64_extend32_s, "i64.extend32_s", 0x00, 0xc4, none, "I>I", sign_extension, 1) \
    X(ref_null, "ref.null", 0x00, 0xd0, reference_type, "*", reference_types, 1) \
    X(ref_is_null, "ref.is_null", 0x00, 0xd1, none, "*", reference_types, 1) \
    X(ref_func, "ref.func", 0x00, 0xd2, function, "*", reference_types, 1) \
    X(i32_trunc_sat_f32_s, "i32.trunc_sat_f32_s", 0xfc, 0x00, none, "f>i", saturating_conversions, 4) \
    X(i32_trunc_sat_f32_u, "i32.trunc_sat_f32_u", 0xfc, 0x01, none, "f>i", saturating_conversions, 4) \
    X(i32_trunc_sat_f64_s, "i32.trunc_sat_f64_s", 0xfc, 0x02, none, "F>i", saturating_conversions, 4) \
    X(i32_trunc_sat_f64_u, "i32.trunc_sat_f64_u", 0xfc, 0x03, none, "F>i", saturating_conversions, 4) \
    X(i64_trunc_sat_f32_s, "i64.trunc_sat_f32_s", 0xfc, 0x04, none, "f>I", saturating_conversions, 4) \
    X(i64_trunc_sat_f32_u, "i64.trunc_sat_f32_u", 0xfc, 0x05, none, "f>I", saturating_conversions, 4) \
    X(i64_trunc_sat_f64_s, "i64.trunc_sat_f64_s", 0xfc, 0x06, none, "F>I", saturating_conversions, 4) \
    X(i64_trunc_sat_f64_u, "i64.trunc_sat_f64_u", 0xfc, 0x07, none, "F>I", saturating_conversions, 4) \
    X(memory_init, "memory.init", 0xfc, 0x08, data_and_memory, "iii>", bulk_memory, 20) \
    X(data_drop, "data.drop", 0xfc, 0x09, data, ">", bulk_memory, 4) \
    X(memory_copy, "memory.copy", 0xfc, 0x0a, memory_and_memory, "iii>", bulk_memory, 20) \
    X(memory_fill, "memory.fill", 0xfc, 0x0b, memory, "iii>", bulk_memory, 20) \
    X(table_init, "table.init", 0xfc, 0x0c, element_and_table, "iii>", bulk_memory, 20) \
    X(elem_drop, "elem.drop", 0xfc, 0x0d, element, ">", bulk_memory, 4) \
    X(table_copy, "table.copy", 0xfc, 0x0e, table_and_table, "iii>", bulk_memory, 20) \
    X(table_grow, "table.grow", 0xfc, 0x0f, table, "*", reference_types, 40) \
    X(table_size, "table.size", 0xfc, 0x10, table, ">i", reference_types, 2) \
    X(table_fill, "table.fill", 0xfc, 0x11, table, "*", reference_types, 20)
// clang-format on

namespace millrace::vm {

/// Dense numbers in table order; not the encoding. Room is left above for SIMD.
enum class Opcode : std::uint16_t {
#define X(name, text, prefix, code, immediate, signature, feature, gas) name,
    MILLRACE_WASM_OPCODES(X)
#undef X
};

/// What follows an opcode in the binary.
enum class Immediate : std::uint8_t {
    none,
    block_type,
    label,
    label_table,
    function,
    type_and_table,  ///< type index, table index
    value_types,
    local,
    global,
    table,
    memarg,  ///< alignment exponent, offset
    memory,  ///< one zero byte
    i32,
    i64,
    f32,
    f64,
    reference_type,
    data_and_memory,  ///< data index, zero byte
    data,
    memory_and_memory,  ///< two zero bytes
    element_and_table,  ///< element index, table index
    element,
    table_and_table,  ///< destination, source
};

/// Steps in the growth of WebAssembly up to 2.0, as compilers name them.
enum class Feature : std::uint8_t {
    mvp,
    mutable_globals,
    sign_extension,
    saturating_conversions,
    multi_value,
    bulk_memory,
    reference_types,
};
inline constexpr std::size_t kFeatureCount = 7;

/// Fixed operand types of an instruction; `special` where they depend on the surroundings.
struct OpSignature {
    std::array<ValType, 3> pops{};
    std::uint8_t pop_count = 0;
    ValType push = ValType::i32;
    std::uint8_t push_count = 0;
    bool special = false;
};

struct OpcodeInfo {
    Opcode op;
    std::string_view text;
    std::uint8_t prefix;
    std::uint8_t code;
    Immediate immediate;
    OpSignature signature;
    Feature feature;
    std::uint16_t gas;
};

namespace detail {
constexpr ValType signature_type(char letter) {
    switch (letter) {
        case 'I':
            return ValType::i64;
        case 'f':
            return ValType::f32;
        case 'F':
            return ValType::f64;
        default:
            return ValType::i32;
    }
}
constexpr OpSignature parse_signature(std::string_view text) {
    OpSignature out;
    if (text == "*") {
        out.special = true;
        return out;
    }
    std::size_t at = 0;
    while (text[at] != '>') out.pops.at(out.pop_count++) = signature_type(text[at++]);
    for (++at; at < text.size(); ++at) {
        out.push = signature_type(text[at]);
        ++out.push_count;
    }
    return out;
}
}  // namespace detail

inline constexpr auto kOpcodes = std::to_array<OpcodeInfo>({
#define X(name, text, prefix, code, immediate, signature, feature, gas) \
    OpcodeInfo{Opcode::name,                                            \
               text,                                                    \
               prefix,                                                  \
               code,                                                    \
               Immediate::immediate,                                    \
               detail::parse_signature(signature),                      \
               Feature::feature,                                        \
               gas},
    MILLRACE_WASM_OPCODES(X)
#undef X
});
inline constexpr std::size_t kOpcodeCount = kOpcodes.size();

[[nodiscard]] constexpr const OpcodeInfo& info(Opcode op) {
    return kOpcodes[static_cast<std::size_t>(op)];
}

inline constexpr std::uint8_t kPrefixBulk = 0xfc;     ///< saturating conversions, bulk work
inline constexpr std::uint8_t kPrefixSimd = 0xfd;     ///< recognised, refused by name
inline constexpr std::uint8_t kPrefixThreads = 0xfe;  ///< recognised, refused by name
inline constexpr std::uint8_t kPrefixGc = 0xfb;       ///< recognised, refused by name

namespace detail {
inline constexpr std::uint16_t kNoOpcode = 0xffff;
/// Dense number by encoding: [0] single bytes, [1] after 0xfc.
constexpr auto make_opcode_index() {
    std::array<std::array<std::uint16_t, 256>, 2> index{};
    for (auto& row : index) row.fill(kNoOpcode);
    for (const OpcodeInfo& row : kOpcodes)
        index.at(row.prefix == 0 ? 0 : 1).at(row.code) = static_cast<std::uint16_t>(row.op);
    return index;
}
inline constexpr auto kOpcodeIndex = make_opcode_index();

/// Walks the whole table at compile time: the row's number is its enumerator, no encoding occurs
/// twice, prefixes are known, signatures end in at most one result.
consteval bool opcode_table_is_consistent() {
    for (std::size_t i = 0; i < kOpcodes.size(); ++i) {
        const OpcodeInfo& row = kOpcodes[i];
        if (static_cast<std::size_t>(row.op) != i || row.text.empty()) return false;
        if (row.prefix != 0 && row.prefix != kPrefixBulk) return false;
        if (kOpcodeIndex[row.prefix == 0 ? 0 : 1][row.code] != i) return false;
        if (row.signature.push_count > 1) return false;
        if (row.immediate == Immediate::memarg &&
            (row.signature.special || row.signature.pops[0] != ValType::i32))
            return false;
    }
    return true;
}
static_assert(opcode_table_is_consistent());
static_assert(kOpcodeCount == 172 + 5 + 8 + 7 + 9,
              "MVP, sign extension, saturation, bulk, references");
}  // namespace detail

/// The instruction of a single byte or, after 0xfc, of a sub-opcode; none where 2.0 has none.
[[nodiscard]] constexpr std::optional<Opcode> find_opcode(std::uint8_t prefix, std::uint32_t code) {
    if (code > 0xff || (prefix != 0 && prefix != kPrefixBulk)) return std::nullopt;
    const std::uint16_t found = detail::kOpcodeIndex[prefix == 0 ? 0 : 1][code];
    if (found == detail::kNoOpcode) return std::nullopt;
    return static_cast<Opcode>(found);
}

/// Bytes that a load or store touches; the natural alignment. Zero for other instructions.
[[nodiscard]] constexpr std::uint8_t access_size(Opcode op) {
    if (info(op).immediate != Immediate::memarg) return 0;
    const std::string_view text = info(op).text;
    const std::string_view tail = text.substr(text.find('.') + 1);
    if (tail.find("16") != std::string_view::npos) return 2;
    if (tail.find("32") != std::string_view::npos) return 4;
    if (tail.find('8') != std::string_view::npos) return 1;
    return text[1] == '3' ? 4 : 8;
}
static_assert(access_size(Opcode::i64_load32_u) == 4 && access_size(Opcode::f64_store) == 8);
static_assert(access_size(Opcode::i32_load8_s) == 1 && access_size(Opcode::i64_store16) == 2);

}  // namespace millrace::vm
