import { z } from "zod";
import { OFFICE_NAME_LENGTH_MAX, TEXT_LENGTH_MAX } from "../limits.ts";
import { planRoleSchema, roleNameSchema } from "../plan.ts";
import { OFFICE_STATES } from "../vocabulary.ts";
import { storableLine, storableText } from "../text.ts";
import { idSchema, jsonObjectSchema, nextCursorSchema, timestampSchema } from "./fields.ts";

const text = (lengthMax: number) => storableText(lengthMax).nullable().optional();

/** As in a plan. */
export const roleSchema = planRoleSchema.meta({ id: "Role" });

const rolesSchema = z
  .record(roleNameSchema, roleSchema)
  .describe("How the sessions of jobs that have no command of their own are started, by role.");

const officeFields = {
  name: storableLine(OFFICE_NAME_LENGTH_MAX),
  description: text(TEXT_LENGTH_MAX),
  github_org: text(200),
  github_repo: text(200),
  repo_path: text(4_096)
    .refine((path) => path === null || path === undefined || path.startsWith("/"), "must be absolute, like /srv/shop")
    .describe("Absolute. What the folders of jobs are relative to."),
  metadata: jsonObjectSchema.nullable().optional(),
  roles: rolesSchema.optional(),
};

export const createOfficeSchema = z.strictObject(officeFields).meta({ id: "CreateOffice" });

export const patchOfficeSchema = z
  .strictObject({
    ...officeFields,
    name: officeFields.name.optional(),
    status: z
      .enum(OFFICE_STATES)
      .optional()
      .describe("paused: nothing new starts, what runs ends. archived: everything that has not ended is cancelled."),
  })
  .refine((patch) => Object.keys(patch).length > 0, "must change something")
  .meta({ id: "PatchOffice" });

export const officeSchema = z
  .strictObject({
    id: idSchema,
    name: z.string(),
    description: z.string().nullable(),
    github_org: z.string().nullable(),
    github_repo: z.string().nullable(),
    repo_path: z.string().nullable(),
    status: z.string().describe("active, paused or archived; an older office may have a word of its own."),
    metadata: z.unknown(),
    roles: z.array(z.string()).describe("The roles whose sessions the office knows how to start."),
    created_at: timestampSchema,
    updated_at: timestampSchema,
  })
  .meta({ id: "Office" });
export type Office = z.infer<typeof officeSchema>;

export const officeListSchema = z
  .strictObject({ offices: z.array(officeSchema), next_cursor: nextCursorSchema })
  .meta({ id: "OfficeList" });
