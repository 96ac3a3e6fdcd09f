// The bytes of protocol version 3: messages taken apart, and put together.
//
// Model    Reading distrusts everything: each take checks what is left and fails with
//          PROTOCOL_VIOLATION. Writing appends to a Text; a message's length is filled in at its
//          end.
// Source   PostgreSQL 15 documentation, chapter 55 "Frontend/Backend Protocol".
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "session/session.h"

// ---- Reading ------------------------------------------------------------------------------------

Status wire_take_i16(Bytes *message, int16_t *value_out);
Status wire_take_i32(Bytes *message, int32_t *value_out);
Status wire_take_u8(Bytes *message, uint8_t *value_out);
Status wire_take_bytes(Bytes *message, size_t count, Bytes *bytes_out);
Status wire_take_string(Bytes *message, const char **string_out); // in place
Status wire_take_end(const Bytes *message);                       // nothing is left

// ---- Writing ------------------------------------------------------------------------------------

size_t wire_begin(Text *out, char type); // returns the mark for wire_end
void wire_end(Text *out, size_t mark);
void wire_empty(Text *out, char type); // a message without a body

void wire_ready(Text *out, char state);
void wire_complete(Text *out, const char *tag);
void wire_setting(Text *out, const char *name, const char *setting);

// ErrorResponse or NoticeResponse (`type` 'E' or 'N').
void wire_error(Text *out, char type, const char *severity, const Error *error);

// `formats` has one code a column, or is NULL for text.
void wire_row_description(
    Text *out, const ResultColumn *columns, uint32_t column_count, const int16_t *formats);

// DataRow of one row of a batch. Errors: those of the types' output.
Status wire_row(Text *out, const ValueContext *context, const ResultColumn *columns,
    uint32_t column_count, const int16_t *formats, const Batch *batch, uint32_t row);

// CopyInResponse, CopyOutResponse ('G', 'H'), every column in one format.
void wire_copy_response(Text *out, char type, bool is_binary, uint32_t column_count);
